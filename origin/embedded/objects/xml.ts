import { S3Error } from './errors.ts'

/** One element of a parsed document: S3's requests use no attributes, so none are kept. */
export interface XmlElement {
  name: string
  text: string
  children: XmlElement[]
}

/** What may be written inside an element: text, a number, or further elements. */
export type XmlContent = string | number | boolean | readonly XmlNode[]
export type XmlNode = readonly [name: string, content: XmlContent]

const MAX_DEPTH = 16
const NAMED_ENTITIES: Readonly<Record<string, string>> = { amp: '&', lt: '<', gt: '>', quot: '"', apos: "'" }
const TOKEN =
  /<!--[\s\S]*?-->|<\?[\s\S]*?\?>|<!\[CDATA\[([\s\S]*?)\]\]>|<(\/?)([A-Za-z_][\w.:-]*)(?:\s[^<>]*?)?(\/?)>|([^<]+)/y

/**
 * Reads a request document of S3's kind. No DTDs (so no entity bombs), nesting up to 16 elements.
 * @throws S3Error MalformedXML
 */
export function parseXml(source: string): XmlElement {
  const document: XmlElement = { name: '', text: '', children: [] }
  const open: XmlElement[] = [document]
  const matcher = new RegExp(TOKEN)
  while (matcher.lastIndex < source.length) {
    const token = matcher.exec(source)
    if (!token) throw malformed()
    readToken(token, open)
  }
  const [root] = document.children
  if (open.length !== 1 || !root || document.children.length !== 1 || document.text.trim() !== '') throw malformed()
  return root
}

function readToken([, cdata, closing, name, selfClosing, text]: RegExpExecArray, open: XmlElement[]): void {
  const current = open.at(-1)!
  if (cdata !== undefined) current.text += cdata
  if (text !== undefined) current.text += decodeEntities(text)
  if (name === undefined) return
  const localName = name.slice(name.indexOf(':') + 1)
  if (closing) {
    if (open.length === 1 || current.name !== localName) throw malformed()
    open.pop()
    return
  }
  const element: XmlElement = { name: localName, text: '', children: [] }
  current.children.push(element)
  if (!selfClosing) open.push(element)
  if (open.length > MAX_DEPTH) throw malformed()
}

/** Text of the first child called `name`, undefined when there is none. */
export function childText(element: XmlElement, name: string): string | undefined {
  return element.children.find((child) => child.name === name)?.text
}

/** A complete document in S3's namespace. */
export function renderXml(root: string, content: XmlContent, namespace = true): string {
  const attribute = namespace ? ' xmlns="http://s3.amazonaws.com/doc/2006-03-01/"' : ''
  return `<?xml version="1.0" encoding="UTF-8"?>\n<${root}${attribute}>${renderContent(content)}</${root}>`
}

function renderContent(content: XmlContent): string {
  if (typeof content === 'string') return escapeText(content)
  if (typeof content === 'number' || typeof content === 'boolean') return String(content)
  return content.map(([name, inner]) => `<${name}>${renderContent(inner)}</${name}>`).join('')
}

/** Control characters go out as references, as S3 writes them: a raw CR would come back as LF. */
function escapeText(text: string): string {
  // biome's control-character rule forbids the range in a literal, so it is spelled with \p{Cc}.
  return text.replace(/[&<>"\p{Cc}]/gu, (character) => {
    if (character === '\n' || character === '\t') return character
    return `&#${character.codePointAt(0)};`
  })
}

function decodeEntities(text: string): string {
  return text.replace(/\r\n?/g, '\n').replace(/&([^;&\s]{0,16});?/g, (whole, name: string) => {
    if (!whole.endsWith(';')) throw malformed()
    const code = name.startsWith('#x') ? Number.parseInt(name.slice(2), 16) : Number.parseInt(name.slice(1), 10)
    const decoded = name.startsWith('#') ? codePoint(code) : NAMED_ENTITIES[name]
    if (decoded === undefined) throw malformed()
    return decoded
  })
}

function codePoint(code: number): string | undefined {
  const valid = Number.isInteger(code) && code >= 0 && code <= 0x10ffff && !(code >= 0xd800 && code <= 0xdfff)
  return valid ? String.fromCodePoint(code) : undefined
}

function malformed(): S3Error {
  return new S3Error('MalformedXML', 'The XML that you provided was not well formed or did not follow the schema.')
}
