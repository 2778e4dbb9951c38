/** How /docs looks, in light and dark. */
export const STYLE = `
:root{color-scheme:light dark;font:16px/1.5 system-ui,sans-serif;--line:#8884;--soft:#8882;--accent:#06c}
@media (prefers-color-scheme:dark){:root{--accent:#7bf}}
body{margin:0 auto;max-width:64rem;padding:1.5rem}
a{color:var(--accent)}
h1{margin:0}h2{margin:2rem 0 .5rem;text-transform:capitalize}h3{margin:1.2rem 0 .3rem;font-size:1rem}
details{border:1px solid var(--line);border-radius:.5rem;margin:.4rem 0;padding:.5rem .8rem}
details details{border-width:0 0 0 3px;border-radius:0;padding:.1rem .8rem}
summary{cursor:pointer;display:flex;gap:.8rem;align-items:baseline;flex-wrap:wrap}
summary:focus-visible{outline:3px solid var(--accent)}
.verb{font:700 .8rem/1.6 ui-monospace,monospace;min-width:4.2rem;text-align:center;border-radius:.3rem;background:#8883}
.status{font:700 .9rem/1.6 ui-monospace,monospace}
.path,.name{font-family:ui-monospace,monospace;overflow-wrap:anywhere}
.id,.note{opacity:.75;font-size:.85rem}.id{margin-left:auto}
.must{font-size:.8rem;color:#b30}
@media (prefers-color-scheme:dark){.must{color:#f96}}
pre{overflow:auto;background:var(--soft);padding:.7rem;border-radius:.4rem;font-size:.85rem}
.wide{overflow-x:auto}
table{border-collapse:collapse;width:100%;font-size:.9rem}
th{font-weight:600}
td,th{text-align:left;padding:.25rem .8rem .25rem 0;vertical-align:top;border-bottom:1px solid var(--soft)}
td.name{overflow-wrap:normal;padding-left:calc(var(--depth,0)*1rem)}`
