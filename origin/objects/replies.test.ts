import { createServer } from 'node:http'
import type { AddressInfo } from 'node:net'
import fc from 'fast-check'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { bareEtag, elements, elementText, elementXml, parseXml, xmlText } from './replies.ts'
import { s3Objects } from './s3.ts'

const DECLARED = '<?xml version="1.0" encoding="UTF-8"?>\n'
const reply = (inner: string) => parseXml(`${DECLARED}<R xmlns="http://s3.amazonaws.com/doc/2006-03-01/">${inner}</R>`)!
const keyIn = (inner: string) => elementText(reply(`<Key>${inner}</Key>`), 'Key')

describe('text of an element', () => {
  it.each([
    ['&quot;abc-2&quot;', '"abc-2"'],
    ['a &amp; b &lt;c&gt; &apos;d&apos; &#38; &#x1F30A;', "a & b <c> 'd' & 🌊"],
    ['&amp;lt; is not decoded twice', '&lt; is not decoded twice'],
    ['<![CDATA[a <b> & c]]> and more', 'a <b> & c and more'],
    [' blanks  at both ends ', ' blanks  at both ends '],
    ['日本語/𝄞 é.jpg', '日本語/𝄞 é.jpg'],
    // A number would lose what these differ by.
    ['007', '007'],
    ['1e3', '1e3'],
    ['12345678901234567890', '12345678901234567890'],
    ['true', 'true'],
    ['<!-- nothing -->', ''],
    ['', ''],
  ])('%s is %j', (inner, text) => expect(keyIn(inner)).toBe(text))

  it('is what was made fit for XML, whatever it is', () => {
    fc.assert(
      fc.property(fc.string({ unit: 'binary' }), (text) => {
        const fit = xmlText(text)
        if (fit !== undefined) expect(keyIn(fit)).toBe(text)
      }),
    )
  })

  it('is undefined without the element, and the first of several', () => {
    expect(elementText(reply('<Key/>'), 'Key')).toBe('')
    expect(elementText(reply(''), 'Key')).toBeUndefined()
    expect(elementText(reply('<Keys>1</Keys><A><Key>2</Key></A><Key>3</Key>'), 'Key')).toBe('2')
  })
})

it.each([0, 1, 3])('%i elements of a name are a list of so many', (n) => {
  const parts = elements(reply('<Part n="1"><Size>5</Size></Part>'.repeat(n)), 'Part')
  expect(parts.map((part) => elementText(part, 'Size'))).toEqual(Array(n).fill('5'))
})

it('an element is written as it was read, with what nobody here knows of', () => {
  const xml = '<Rule a="1 &amp; 2"><ID>x &amp; y</ID><New><Deep/>text</New></Rule>'
  for (const from of [reply(xml), parseXml(`<X>${xml}</X>`)!]) {
    const [rule] = elements(from, 'Rule')
    expect(rule && elementXml(rule)).toBe(xml)
  }
})

describe('what is no reply', () => {
  const laughs = Array.from({ length: 9 }, (_, i) => `<!ENTITY l${i + 1} "${`&l${i};`.repeat(10)}">`).join('')
  it.each([
    ['nothing', ''],
    ['a sentence', 'upstream connect error'],
    ['JSON', '{"code":"NoSuchKey"}'],
    ['a page of a proxy', '<html><body>Bad Gateway<br><Code>NoSuchKey</Code></body></html>'],
    ['a reply that was cut off', `${DECLARED}<R><Contents><Key>a</Key>`],
    ['a second root', '<R/><R/>'],
    ['an entity that nobody declared', '<R>&nbsp;</R>'],
    ['entities that grow', `<!DOCTYPE R [<!ENTITY l0 "ha">${laughs}]><R>&l9;</R>`],
    ['a file of ours', '<!DOCTYPE R [<!ENTITY f SYSTEM "file:///etc/passwd">]><R>&f;</R>'],
    ['a document type without use', '<!DOCTYPE R><R/>'],
  ])('%s is not parsed', (_, text) => expect(parseXml(text)).toBeUndefined())

  it('a reply behind blanks is one', () => expect(parseXml(`\n  \n${DECLARED}<R/>`)).toBeDefined())
})

it('an ETag loses its quotes however they were written', () => {
  expect(bareEtag(keyIn('&quot;5d41-3&quot;'))).toBe('5d41-3')
  expect(bareEtag('W/"5d41"')).toBe('5d41')
})

describe('a store that answers', () => {
  let body = ''
  let status = 200
  const server = createServer((request, response) => {
    request.resume()
    response.writeHead(status, { 'content-type': 'application/xml' }).end(body)
  })
  const answering = (code: number, text: string) => {
    status = code
    body = text
    return s3Objects({
      endpoint: `http://127.0.0.1:${(server.address() as AddressInfo).port}`,
      ...{ bucket: 'media', region: 'auto', credentials: { accessKeyId: 'k', secretAccessKey: 's' } },
      timeoutMs: 5_000,
    })
  }
  beforeAll(() => new Promise<void>((resolve) => void server.listen(0, '127.0.0.1', resolve)))
  afterAll(() => void server.close())
  const listing = (contents: string) => `${DECLARED}<ListBucketResult>${contents}</ListBucketResult>`

  it('with one object, lists that', async () => {
    const object =
      '<Contents><Key>a+b%20%E6%97%A5.jpg</Key><Size>007</Size><ETag>&quot;e&quot;</ETag><LastModified>2026-01-02T03:04:05.000Z</LastModified></Contents>'
    const more = '<IsTruncated>true</IsTruncated><NextContinuationToken>1/&amp;=</NextContinuationToken>'
    expect(await answering(200, listing(`<Prefix/>${object}${more}`)).list('')).toEqual({
      items: [{ key: 'a b 日.jpg', size: 7, etag: 'e', lastModified: Date.UTC(2026, 0, 2, 3, 4, 5) }],
      cursor: '1/&=',
    })
    expect(await answering(200, listing('')).list('')).toEqual({ items: [], cursor: undefined })
  })

  it('with no XML, has no empty bucket', async () => {
    for (const text of ['', 'OK', listing('<Contents>').slice(0, 60)]) {
      await expect(answering(200, text).list('')).rejects.toMatchObject({ code: 'MalformedReply', status: 200 })
    }
  })

  it('with an error, refuses by its code, and by its status where it says none', async () => {
    const error = `${DECLARED}<Error><Code>SlowDown</Code><Message>Less, &amp; later.</Message></Error>`
    await expect(answering(503, error).list('')).rejects.toMatchObject({ code: 'SlowDown', isTransient: true })
    await expect(answering(503, error).list('')).rejects.toThrow('Less, & later.')
    for (const text of ['', '<html><body>Bad Gateway<br></body></html>']) {
      await expect(answering(502, text).list('')).rejects.toMatchObject({ code: 'Unknown', status: 502 })
    }
  })

  it('with objects that it did not delete, has not deleted', async () => {
    const kept = `${DECLARED}<DeleteResult><Error><Key>a</Key><Code>AccessDenied</Code></Error></DeleteResult>`
    await expect(answering(200, kept).delete(['a'])).rejects.toMatchObject({ code: 'AccessDenied' })
    for (const text of [kept.slice(0, -8), '<html><body>Welcome<br></body></html>']) {
      await expect(answering(200, text).delete(['a'])).rejects.toMatchObject({
        code: 'MalformedReply',
        isTransient: true,
      })
    }
    for (const text of ['', `${DECLARED}<DeleteResult/>`]) await answering(200, text).delete(['a'])
  })
})
