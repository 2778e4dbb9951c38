/**
 * The page at /docs: reads /openapi.json and lists every operation. Self-contained, since a page that loads scripts from
 * somebody else's CDN would hand them every token typed into it.
 */
const STYLE = `
:root{color-scheme:light dark;font:16px/1.5 system-ui,sans-serif}
body{margin:0 auto;max-width:60rem;padding:1.5rem}
h1{margin:0}h2{margin:2rem 0 .5rem;text-transform:capitalize}
details{border:1px solid #8884;border-radius:.5rem;margin:.4rem 0;padding:.5rem .8rem}
summary{cursor:pointer;display:flex;gap:.8rem;align-items:baseline;flex-wrap:wrap}
summary:focus-visible{outline:3px solid #38f}
.verb{font:700 .8rem/1.6 ui-monospace,monospace;min-width:4.2rem;text-align:center;border-radius:.3rem;background:#8883}
.path{font-family:ui-monospace,monospace;overflow-wrap:anywhere}
.id{opacity:.75;margin-left:auto;font-size:.85rem}
pre{overflow:auto;background:#8882;padding:.7rem;border-radius:.4rem;font-size:.85rem}
table{border-collapse:collapse;width:100%}td,th{text-align:left;padding:.2rem .6rem .2rem 0;vertical-align:top}`

const SCRIPT = `
const el=(tag,props={},...kids)=>{const e=Object.assign(document.createElement(tag),props);e.append(...kids);return e};
const doc=await (await fetch('/openapi.json')).json();
const resolve=s=>s&&s.$ref?doc.components.schemas[s.$ref.split('/').pop()]:s;
const example=(schema,depth=0)=>{const s=resolve(schema);if(!s||depth>6)return null;if(s.example!==undefined)return s.example;
if(s.default!==undefined)return s.default;if(s.enum)return s.enum[0];if(s.const!==undefined)return s.const;
const any=s.anyOf||s.oneOf||s.allOf;if(any)return example(any[0],depth+1);
const type=Array.isArray(s.type)?s.type[0]:s.type;
if(type==='object'){return Object.fromEntries(Object.entries(s.properties||{}).map(([k,v])=>[k,example(v,depth+1)]))}
if(type==='array')return[example(s.items,depth+1)];if(type==='integer'||type==='number')return s.minimum??0;
if(type==='boolean')return false;return type==='string'?'text':null};
const block=(title,value)=>[el('strong',{textContent:title}),el('pre',{textContent:JSON.stringify(value,null,2)})];
const curl=(path,verb,op)=>{const lines=['curl'+(verb==='get'?'':' -X '+verb.toUpperCase())+" '"+location.origin+path+"'"];
if((op.security||[]).some(s=>s.bearer))lines.push("-H 'Authorization: Bearer TOKEN'");
const body=op.requestBody?.content?.['application/json']?.schema;
if(body)lines.push("-H 'Content-Type: application/json'","-d '"+JSON.stringify(example(body))+"'");return lines.join(' \\\\\\n  ')};
const operation=(path,verb,op)=>{const d=el('details',{id:op.operationId});
d.append(el('summary',{},el('span',{className:'verb',textContent:verb.toUpperCase()}),el('span',{className:'path',textContent:path}),el('span',{className:'id',textContent:op.operationId})));
if(op.parameters?.length){const rows=op.parameters.map(p=>el('tr',{},el('td',{},el('code',{textContent:p.name})),el('td',{textContent:p.in+(p.required?', required':'')}),el('td',{textContent:p.description||p.schema?.description||''})));
d.append(el('table',{},...rows))}
d.append(el('pre',{textContent:curl(path,verb,op)}));
for(const [status,answer] of Object.entries(op.responses)){d.append(el('p',{},el('strong',{textContent:status+' '}),answer.description||''));
const schema=answer.content?.['application/json']?.schema;if(schema)d.append(el('pre',{textContent:JSON.stringify(example(schema),null,2)}))}
return d};
const groups=new Map();
for(const [path,item] of Object.entries(doc.paths))for(const [verb,op] of Object.entries(item)){const tag=op.tags?.[0]||'other';
if(!groups.has(tag))groups.set(tag,[]);groups.get(tag).push(operation(path,verb,op))}
const main=document.querySelector('main');main.replaceChildren(...[...groups].flatMap(([tag,list])=>[el('h2',{textContent:tag}),...list]));
const target=location.hash&&document.getElementById(location.hash.slice(1));if(target){target.open=true;target.scrollIntoView()}`

export const DOCS_PAGE = `<!doctype html>
<html lang="en"><head><meta charset="utf-8"><meta name="viewport" content="width=device-width,initial-scale=1">
<title>Tideline API</title><style>${STYLE}</style></head>
<body><header><h1>Tideline API</h1><p>The machine-readable description is at <a href="/openapi.json">/openapi.json</a>
(OpenAPI 3.1). Errors are problems (RFC 9457); lists are <code>{ items, cursor }</code>.</p></header>
<main aria-live="polite"><p>Reading the description …</p></main>
<script type="module">${SCRIPT}</script></body></html>`

async function hashOf(text: string): Promise<string> {
  const bytes = new Uint8Array(await crypto.subtle.digest('SHA-256', new TextEncoder().encode(text)))
  return `'sha256-${btoa(String.fromCharCode(...bytes))}'`
}

/** Only this script, this style and this site's own description: what the page's policy allows. */
export async function docsPolicy(): Promise<string> {
  const [script, style] = await Promise.all([hashOf(SCRIPT), hashOf(STYLE)])
  return `default-src 'none'; script-src ${script}; style-src ${style}; connect-src 'self'; base-uri 'none'; frame-ancestors 'none'`
}
