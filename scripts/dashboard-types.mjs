// dashboard-types DIR FILE...: write each dashboard into DIR as a TypeScript module
// that compiles only if it has Grafana's types: the dashboard as a whole, and the
// options and fields of each panel by its kind.
import { readFileSync, writeFileSync } from 'node:fs';
import { basename, join } from 'node:path';

const kinds = {
  gauge: ['gauge', 'Gauge'],
  stat: ['stat', 'Stat'],
  'state-timeline': ['statetimeline', 'StateTimeline'],
  table: ['table', 'Table'],
  timeseries: ['timeseries', 'TimeSeries'],
};
const noFieldConfig = ['gauge', 'stat'];

// Grafana replaces displayMode by cellOptions when it loads a table of 9.3.
const onlyOld = { table: ['displayMode'] };
// The annotation's query is at the top level in 9.3; newer versions move it to target.
const annotationOfOld = ['expr', 'step', 'titleFormat', 'textFormat', 'tagKeys', 'useValueForTime'];
// What Grafana writes and its types leave out.
const dashboardExtra = ['style'];

const without = (o, keys) => Object.fromEntries(Object.entries(o).filter(([k]) => !keys.includes(k)));
const show = (o) => JSON.stringify(o, null, 1);

const [dir, ...files] = process.argv.slice(2);
for (const file of files) {
  const dashboard = without(JSON.parse(readFileSync(file, 'utf8')), dashboardExtra);
  dashboard.annotations.list = dashboard.annotations.list.map((a) => without(a, annotationOfOld));
  const imports = Object.entries(kinds).map(([kind, [folder, name]]) => {
    const module = `@grafana/schema/dist/esm/raw/composable/${folder}/panelcfg/x/${name}PanelCfg_types.gen`;
    return `import type * as ${folder} from '${module}';`;
  });
  const panels = dashboard.panels.flatMap((panel) => {
    if (panel.type === 'row') return [];
    if (!kinds[panel.type]) throw new Error(`${file}: no types known for panels of kind ${panel.type}`);
    const [module] = kinds[panel.type];
    const at = `// ${panel.title}\nexport const`;
    const lines = [`${at} options${panel.id}: Plain<Partial<${module}.Options>> = ${show(panel.options)};`];
    const custom = without(panel.fieldConfig.defaults.custom, onlyOld[panel.type] ?? []);
    if (noFieldConfig.includes(panel.type)) {
      if (Object.keys(custom).length) throw new Error(`${file}: ${panel.title}: custom settings of fields`);
    } else {
      lines.push(`${at} fields${panel.id}: Plain<Partial<${module}.FieldConfig>> = ${show(custom)};`);
    }
    return lines;
  });
  writeFileSync(join(dir, basename(file, '.json') + '.ts'), `import type { Dashboard } from '@grafana/schema';
${imports.join('\n')}

// JSON has the values of enums, not their names.
type Plain<T> = T extends string ? \`\${T}\` : T extends object ? { [K in keyof T]: Plain<T[K]> } : T;

export const dashboard: Plain<Dashboard> = ${show(dashboard)};
${panels.join('\n')}
`);
}
