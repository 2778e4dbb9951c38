/** What draws /docs in the browser from /openapi.json: plain text for there, so it is no TypeScript of ours. */
export const SCRIPT = String.raw`
const el = (tag, props = {}, ...kids) => {
  const element = Object.assign(document.createElement(tag), props);
  element.append(...kids);
  return element;
};
const doc = await (await fetch('/openapi.json')).json();
const nameOf = (ref) => ref.split('/').pop();

// One schema of many: references followed, the parts of an allOf put together.
const whole = (schema = {}) => {
  const { $ref, allOf = [], ...own } = schema;
  const parts = [...($ref ? [doc.components.schemas[nameOf($ref)]] : []), ...allOf].map(whole);
  return [...parts, own].reduce((sum, part) => ({
    ...sum,
    ...part,
    ...(sum.properties || part.properties ? { properties: { ...sum.properties, ...part.properties } } : {}),
    ...(sum.required || part.required ? { required: [...new Set([...(sum.required || []), ...(part.required || [])])] } : {}),
  }), {});
};
const isNull = (schema) => schema.type === 'null';
const choices = (schema) => schema.anyOf || schema.oneOf;
const typesOf = (schema) => [schema.type || (schema.properties ? 'object' : [])].flat();

// A type as people write it: "integer", "list of Post", "string or null". Named schemas are links.
const typeOf = (schema = {}) => {
  if (schema.$ref) return [el('a', { href: '#schema-' + nameOf(schema.$ref), textContent: nameOf(schema.$ref) })];
  const options = choices(schema);
  if (options) return options.flatMap((option, i) => [...(i ? [' or '] : []), ...typeOf(option)]);
  const named = (schema.allOf || []).find((part) => part.$ref);
  if (named && !schema.allOf.some((part) => part.properties)) return typeOf(named);
  if (named) return [...typeOf(named), ' and more'];
  const types = typesOf(schema);
  if (types.includes('array')) return ['list of ', ...typeOf(schema.items), ...(types.includes('null') ? [' or null'] : [])];
  const format = schema.format ? ' (' + schema.format + ')' : '';
  return [(types.join(' or ') || (schema.const === undefined ? 'anything' : typeof schema.const)) + format];
};

const range = (least, most, unit) => {
  if (least === undefined && most === undefined) return [];
  const text = least === undefined ? 'at most ' + most : most === undefined ? 'at least ' + least : least + ' to ' + most;
  return [text + (unit ? ' ' + unit : '')];
};
const safe = (number) => (Math.abs(number) >= Number.MAX_SAFE_INTEGER ? undefined : number);
const above = (schema) => (schema.exclusiveMinimum === undefined ? [] : ['above ' + schema.exclusiveMinimum]);
// What a value may be, beside its type.
const limitsOf = (schema) => [
  ...(schema.enum ? ['one of ' + schema.enum.join(', ')] : []),
  ...(schema.const === undefined ? [] : ['always ' + JSON.stringify(schema.const)]),
  ...range(safe(schema.minimum), safe(schema.maximum)),
  ...above(schema),
  ...range(schema.minLength, schema.maxLength, 'characters'),
  ...range(schema.minItems, schema.maxItems, 'entries'),
  ...(schema.items ? limitsOf(whole(schema.items)).map((text) => 'each ' + text) : []),
  ...(schema.pattern && !schema.format ? ['matches ' + schema.pattern] : []),
  ...(schema.default === undefined ? [] : ['default ' + JSON.stringify(schema.default)]),
];
const sentence = (text) => (text ? [el('div', { textContent: text })] : []);
const meaning = (schema, description) => {
  const limits = limitsOf(schema).join(' · ');
  return [...sentence(description || schema.description), ...(limits ? [el('div', { className: 'note', textContent: limits })] : [])];
};
const row = (name, type, required, about, depth = 0) => {
  const cell = el('td', { className: 'name', textContent: name });
  cell.style.setProperty('--depth', depth);
  const must = el('td', {}, required ? el('span', { className: 'must', textContent: 'required' }) : '');
  return el('tr', {}, cell, el('td', {}, ...type), must, el('td', {}, ...about));
};
const table = (rows) => {
  const heads = ['Name', 'Type', '', 'Meaning and limits'].map((textContent) => el('th', { scope: 'col', textContent }));
  return el('div', { className: 'wide' }, el('table', {}, el('thead', {}, el('tr', {}, ...heads)), el('tbody', {}, ...rows)));
};
// What an unnamed schema holds, directly or in a list: its rows follow below it. Named ones have a place of their own.
const inside = (schema) => {
  if (schema.$ref) return null;
  if (schema.items) return inside(schema.items);
  if (choices(schema)) return choices(schema).map(inside).find(Boolean) || null;
  const full = whole(schema);
  return full.properties ? full : null;
};
const fields = (schema, depth = 0) => {
  const full = whole(schema);
  return Object.entries(full.properties || {}).flatMap(([name, field]) => {
    const inner = inside(field);
    const required = (full.required || []).includes(name);
    const nested = inner && depth < 4 ? fields(inner, depth + 1) : [];
    return [row(name, typeOf(field), required, meaning(whole(field)), depth), ...nested];
  });
};
const shape = (schema) => {
  const about = el('p', {}, ...typeOf(schema));
  const inner = inside(schema);
  return inner ? [about, table(fields(inner))] : [about, ...meaning(whole(schema))];
};

const SAMPLES = { 'date-time': '2026-01-31T12:00:00Z', email: 'ann@example.org', uri: 'https://example.org/' };
const example = (schema, depth = 0) => {
  const s = whole(schema);
  if (depth > 6) return null;
  for (const given of [s.example, s.default, s.enum && s.enum[0], s.const]) if (given !== undefined) return given;
  if (choices(s)) return example(choices(s).find((option) => !isNull(option)), depth + 1);
  const type = typesOf(s)[0];
  if (type === 'object') return Object.fromEntries(Object.entries(s.properties || {}).map(([k, v]) => [k, example(v, depth + 1)]));
  if (type === 'array') return [example(s.items, depth + 1)];
  if (type === 'integer' || type === 'number') return safe(s.minimum) ?? (s.exclusiveMinimum === undefined ? 0 : s.exclusiveMinimum + 1);
  if (type === 'boolean') return false;
  return type === 'string' ? SAMPLES[s.format] || 'text' : null;
};
const json = (schema) => el('pre', { textContent: JSON.stringify(example(schema), null, 2) });
const bodyOf = (op) => op.requestBody?.content?.['application/json']?.schema;
const curl = (path, verb, op) => {
  const lines = ['curl' + (verb === 'get' ? '' : ' -X ' + verb.toUpperCase()) + " '" + location.origin + path + "'"];
  if ((op.security || []).some((way) => way.bearer)) lines.push("-H 'Authorization: Bearer TOKEN'");
  if (bodyOf(op)) lines.push("-H 'Content-Type: application/json'", "-d '" + JSON.stringify(example(bodyOf(op))) + "'");
  return lines.join(' \\\n  ');
};

const PLACES = { query: 'in the query', path: 'in the path', header: 'a header' };
const parameter = (p) => row(p.name, typeOf(p.schema), p.required, [
  el('div', { className: 'note', textContent: PLACES[p.in] || p.in }),
  ...meaning(whole(p.schema), p.description),
]);
const answer = ([status, response]) => {
  const head = [el('span', { className: 'status', textContent: status }), el('span', { textContent: response.description || '' })];
  const [type, content] = Object.entries(response.content || {})[0] || [];
  if (!content?.schema) return el('p', {}, head[0], ' ', head[1]);
  const schema = content.schema;
  return el('details', { open: status < 300 }, el('summary', {}, ...head, el('span', { className: 'id', textContent: type })), ...shape(schema), json(schema));
};
const operation = (path, verb, op) => {
  const d = el('details', { id: op.operationId });
  d.append(el('summary', {}, el('span', { className: 'verb', textContent: verb.toUpperCase() }), el('span', { className: 'path', textContent: path }), el('span', { className: 'id', textContent: op.summary || op.operationId })));
  d.append(...sentence(op.description));
  if (op.parameters?.length) d.append(el('h3', { textContent: 'Parameters' }), table(op.parameters.map((p) => parameter(p.$ref ? doc.components.parameters[nameOf(p.$ref)] : p))));
  if (bodyOf(op)) d.append(el('h3', { textContent: 'Body' }), ...shape(bodyOf(op)));
  d.append(el('h3', { textContent: 'Example' }), el('pre', { textContent: curl(path, verb, op) }));
  d.append(el('h3', { textContent: 'Answers' }), ...Object.entries(op.responses).map(answer));
  return d;
};

const groups = new Map();
for (const [path, item] of Object.entries(doc.paths)) {
  for (const [verb, op] of Object.entries(item)) {
    const tag = op.tags?.[0] || 'other';
    groups.set(tag, [...(groups.get(tag) || []), operation(path, verb, op)]);
  }
}
const schemas = Object.entries(doc.components.schemas).map(([name, schema]) =>
  el('details', { id: 'schema-' + name }, el('summary', {}, el('span', { className: 'path', textContent: name })), ...sentence(schema.description), table(fields(schema)), json(schema)));
groups.set('schemas', schemas);
document.querySelector('main').replaceChildren(...[...groups].flatMap(([tag, list]) => [el('h2', { textContent: tag }), ...list]));
const show = () => {
  const target = location.hash && document.getElementById(location.hash.slice(1));
  if (!target) return;
  target.open = true;
  target.scrollIntoView();
};
addEventListener('hashchange', show);
show();`
