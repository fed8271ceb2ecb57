export const STYLE = /* css */ `
:root { color-scheme: light dark; font: 15px/1.5 system-ui, sans-serif; }
body { margin: 0 auto; max-width: 75rem; padding: 1rem; }
header, header p { display: flex; flex-wrap: wrap; gap: 1rem; align-items: center; justify-content: space-between; }
h1 { font-size: 1.4rem; }
h2 { font-size: 1.1rem; }
main { display: grid; gap: 1rem 2rem; grid-template-columns: repeat(auto-fit, minmax(22rem, 1fr)); }
section { min-width: 0; }
pre, textarea, ol { font: 13px/1.4 ui-monospace, monospace; }
pre, ol { background: color-mix(in srgb, currentColor 6%, transparent); overflow: auto; white-space: pre-wrap; overflow-wrap: anywhere; }
pre { margin: 0.5rem 0; padding: 0.5rem; max-height: 24rem; }
pre:empty { display: none; }
ol { margin: 0; padding: 0.5rem 0.5rem 0.5rem 2.5rem; height: 18rem; }
textarea { box-sizing: border-box; width: 100%; }
ul { list-style: none; margin: 0; padding: 0; max-height: 24rem; overflow: auto; }
ul button { width: 100%; text-align: left; }
ul button[aria-pressed="true"] { font-weight: bold; }
td { padding: 0 1rem 0 0; vertical-align: top; }
td:first-child, td:nth-child(2) { font-family: ui-monospace, monospace; }
#problems:empty { display: none; }
`;
