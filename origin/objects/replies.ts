/** What S3 answers, read; and text made fit for what it is sent. */
import { DOMParser, type Document, type Element, onErrorStopParsing, XMLSerializer } from '@xmldom/xmldom'
import { ObjectStoreError } from './errors.ts'

/**
 * Undefined when it is no well-formed XML: error pages of proxies are not. What brings a document type along is refused with its
 * entities; no reply of S3's has one.
 */
export function parseXml(text: string): Document | undefined {
  try {
    // Stores send blanks, so that nobody gives up, while they work.
    const document = new DOMParser({ onError: onErrorStopParsing }).parseFromString(text.trim(), 'text/xml')
    return document.doctype === null ? document : undefined
  } catch {
    return undefined
  }
}

/** The document that an answer is. @throws ObjectStoreError MalformedReply where it is none: nothing must pass for an empty list */
export async function readXml(response: Response): Promise<Document> {
  return xmlOf(await response.text(), response.status)
}

/** The same of a text that was read already, with the status that it came with. */
export function xmlOf(text: string, status: number): Document {
  const document = parseXml(text)
  if (document !== undefined) return document
  throw new ObjectStoreError('MalformedReply', status, 'The object store did not answer in XML.')
}

/** Every element of this name, wherever it stands. */
export function elements(within: Document | Element, name: string): Element[] {
  return [...within.getElementsByTagName(name)]
}

/** Text of the first element of this name; undefined when there is none. */
export function elementText(within: Document | Element, name: string): string | undefined {
  return within.getElementsByTagName(name)[0]?.textContent ?? undefined
}

export const S3_NAMESPACE = 'http://s3.amazonaws.com/doc/2006-03-01/'

/** An element as it stands in a document whose root declares S3's namespace. */
export function elementXml(element: Element): string {
  return new XMLSerializer().serializeToString(element).replace(` xmlns="${S3_NAMESPACE}"`, '')
}

/** An ETag without its quotes. */
export function bareEtag(etag: string | null | undefined): string {
  return (etag ?? '').replace(/^W\//, '').replace(/^"|"$/g, '')
}

/** Undoes encoding-type=url, in which servers write a space as `+` or as `%20`. */
export function urlDecoded(text: string): string {
  return decodeURIComponent(text.replace(/\+/g, ' '))
}

/** Text made fit for XML 1.0; undefined when it holds characters that no XML 1.0 document can carry. */
export function xmlText(text: string): string | undefined {
  // Control characters but tab, LF and CR, and the two non-characters, have no form in XML 1.0.
  if (/[^\t\n\r\u0020-\ud7ff\ue000-\ufffd\u{10000}-\u{10ffff}]/u.test(text)) return undefined
  return text.replace(/[&<>"\t\n\r]/g, (character) => `&#${character.charCodeAt(0)};`)
}
