//! Runs a test on each engine.

/// Defines a test per engine for each named case. A case takes an [`Engine`](crate::kit::Engine) or, after `Type::new =>`,
/// what that async constructor returns for one.
macro_rules! on_both_engines {
    ($type:ident::$new:ident => $($case:ident),+ $(,)?) => {
        $crate::kit::engines::on_both_engines! { @expand [super::$type::$new] $($case),+ }
    };
    ($($case:ident),+ $(,)?) => {
        $crate::kit::engines::on_both_engines! { @expand [std::future::ready] $($case),+ }
    };
    (@expand [$($setup:tt)+] $($case:ident),+) => {
        $crate::kit::engines::on_both_engines! { @module memory Memory [$($setup)+] $($case),+ }
        $crate::kit::engines::on_both_engines! { @module redis Redis [$($setup)+] $($case),+ }
    };
    (@module $module:ident $engine:ident $setup:tt $($case:ident),+) => {
        mod $module {
            $($crate::kit::engines::on_both_engines! { @test $engine $setup $case })+
        }
    };
    (@test $engine:ident [$($setup:tt)+] $case:ident) => {
        #[tokio::test]
        async fn $case() {
            super::$case($($setup)+($crate::kit::Engine::$engine).await).await;
        }
    };
}
pub(crate) use on_both_engines;
