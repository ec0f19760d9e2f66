// Checks the dashboard against the types of dashboards and panels in Grafana's own package: an unknown field, or one of another
// type, is an error. Queries, overrides and transformations have no types there. Needs `npm ci`; tests/manifests runs it.

import { readFileSync, writeFileSync } from "node:fs";
import { fileURLToPath } from "node:url";

import ts from "typescript";

const path = (relative) => fileURLToPath(new URL(`../${relative}`, import.meta.url));
const RAW = path("node_modules/@grafana/schema/dist/types/raw");
// Fields that the Prometheus plugin adds to an annotation.
const PROMETHEUS = ["expr", "step", "tagKeys", "textFormat", "titleFormat", "useValueForTime"];
const PANELS = { stat: "Stat", table: "Table", timeseries: "TimeSeries" };

// JSON has strings where the types have enumerations, which TypeScript does not accept.
const PLAIN = `type Plain<T> = T extends string ? \`\${T}\`
  : T extends (infer U)[] ? Plain<U>[]
  : T extends object ? { [K in keyof T]: Plain<T[K]> }
  : T;`;

const dashboard = JSON.parse(readFileSync(path("deploy/observability/dashboard.json")));
const panels = dashboard.panels.filter(({ type }) => type !== "row");
for (const annotation of dashboard.annotations.list) for (const own of PROMETHEUS) delete annotation[own];
const unknown = panels.filter(({ type }) => !(type in PANELS));
if (unknown.length > 0) throw new Error(`tests/dashboard.mjs knows no type for ${unknown.map(({ type }) => type)}`);

const typed = (name, type, value) => `export const ${name}: Plain<${type}> = ${JSON.stringify(value)};`;
const source = [
  PLAIN,
  `import type { Dashboard } from "${RAW}/dashboard/x/dashboard_types.gen.d.ts";`,
  ...Object.entries(PANELS).map(
    ([type, name]) => `import type * as ${name} from "${RAW}/composable/${type}/panelcfg/x/${name}PanelCfg_types.gen.d.ts";`,
  ),
  typed("dashboard", "Dashboard", dashboard),
  ...panels.flatMap(({ id, type, options, fieldConfig }) => [
    typed(`options${id}`, `Partial<${PANELS[type]}.Options>`, options ?? {}),
    ...(fieldConfig?.defaults?.custom ? [typed(`field${id}`, `Partial<${PANELS[type]}.FieldConfig>`, fieldConfig.defaults.custom)] : []),
  ]),
];

const file = path("target/manifests/dashboard.ts");
writeFileSync(file, source.join("\n"));
const program = ts.createProgram([file], {
  allowImportingTsExtensions: true,
  module: ts.ModuleKind.ESNext,
  moduleResolution: ts.ModuleResolutionKind.Bundler,
  noEmit: true,
  skipLibCheck: true,
  strict: true,
  types: [],
});
const wrong = ts.getPreEmitDiagnostics(program);
for (const { file, start, messageText } of wrong) {
  const at = file ? file.text.slice(file.text.lastIndexOf("\n", start) + 1).split(" ", 3)[2] : "";
  console.error(`dashboard.json: ${at} ${ts.flattenDiagnosticMessageText(messageText, "\n  ")}`);
}
process.exit(wrong.length > 0 ? 1 : 0);
