import { request as httpRequest } from 'node:http'
import { AwsV4Signer } from 'aws4fetch'
import fc from 'fast-check'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { KeyIndex } from './key-index.ts'
import { CREDENTIALS, startTestServer, type TestServer } from './test-server.ts'

let s3: TestServer

beforeAll(async () => {
  s3 = await startTestServer({ buckets: ['media', 'other'] })
})

afterAll(async () => {
  expect(s3.errors).toEqual([])
  await s3.stop()
})

/** URLs resolve dot segments before they are sent, so such a path is signed and sent by hand. */
async function sendRaw(method: string, path: string, body = ''): Promise<{ status: number; body: string }> {
  const datetime = new Date(s3.now()).toISOString().replace(/[:-]|\.\d{3}/g, '')
  const url = `${s3.server.endpoint}/x`
  const signer = new AwsV4Signer({ ...CREDENTIALS, service: 's3', region: 'us-east-1', method, url, datetime })
  signer.encodedPath = path
  const { headers } = await signer.sign()
  return new Promise((resolve, reject) => {
    const options = { method, path, port: s3.server.port, host: '127.0.0.1', headers: Object.fromEntries(headers) }
    const request = httpRequest(options, (response) => {
      let text = ''
      response.setEncoding('utf8').on('data', (chunk: string) => {
        text += chunk
      })
      response.on('end', () => resolve({ status: response.statusCode ?? 0, body: text }))
    })
    request.on('error', reject).end(body)
  })
}

const rawPath = (key: string): string =>
  `/media/${encodeURIComponent(key).replace(/[!'()*]/g, (c) => `%${c.charCodeAt(0).toString(16).toUpperCase()}`)}`.replaceAll(
    '%2F',
    '/',
  )

/** Whole code points from all planes, and what paths and names choke on. */
const anyKey = fc
  .oneof(
    fc.string({ unit: 'binary', minLength: 1, maxLength: 40 }),
    fc
      .array(fc.constantFrom('a', '/', '.', '..', '%2e', '\0', '\\', '+', ' ', 'é', 'e\u0301', '￿', '😀'), {
        minLength: 1,
        maxLength: 12,
      })
      .map((pieces) => pieces.join('')),
  )
  .filter((key) => key.isWellFormed())

test('any key comes back with its own content', async () => {
  await fc.assert(
    fc.asyncProperty(anyKey, async (key) => {
      const path = rawPath(key)
      expect((await sendRaw('PUT', path, key)).status).toBe(200)
      expect(await sendRaw('GET', path)).toEqual({ status: 200, body: Buffer.from(key).toString('utf8') })
    }),
    { numRuns: 150 },
  )
})

test('keys that look like paths are names of their own and stay inside the folder', async () => {
  const keys = [
    '../../etc/passwd',
    '..',
    '.',
    '/',
    '//',
    'a/../b',
    'a/./b',
    'a//b',
    'a/b',
    'A/B',
    'con',
    'tmp',
    '.keep',
  ]
  for (const key of keys) expect((await sendRaw('PUT', rawPath(key), `at ${key}`)).status, key).toBe(200)
  for (const key of keys) expect((await sendRaw('GET', rawPath(key))).body).toBe(`at ${key}`)
  expect((await sendRaw('PUT', '/../outside', 'x')).status).toBe(404)
})

async function listed(query: string): Promise<{ keys: string[]; prefixes: string[]; token: string | undefined }> {
  const xml = await (await s3.send('GET', `/other?list-type=2&encoding-type=url&${query}`)).text()
  const all = (pattern: RegExp): string[] =>
    [...xml.matchAll(pattern)].map((match) => decodeURIComponent(match[1] ?? ''))
  const token = /<NextContinuationToken>(.*?)</.exec(xml)?.[1]
  return { keys: all(/<Key>(.*?)</g), prefixes: all(/<CommonPrefixes><Prefix>(.*?)</g), token }
}

test('a listing is in the order of UTF-8 bytes, in pages, and knows later changes', async () => {
  const keys = ['b/1', 'a', 'z😀', 'z\u{10ffff}', 'z￿', 'zé', 'z\ud7ff', 'b/2', 'b/c/3', 'c d+e', 'b', 'b0']
  for (const key of keys)
    await s3.send('PUT', `/other/${key.split('/').map(encodeURIComponent).join('/')}`, { body: 'x' })
  const inOrder = [...keys].sort((a, b) => Buffer.compare(Buffer.from(a), Buffer.from(b)))
  expect((await listed('')).keys).toEqual(inOrder)
  const paged: string[] = []
  for (let token: string | undefined = ''; token !== undefined; ) {
    const page = await listed(`max-keys=5${token && `&continuation-token=${encodeURIComponent(token)}`}`)
    paged.push(...page.keys)
    token = page.token
  }
  expect(paged).toEqual(inOrder)
  const folder = await listed('delimiter=%2F&max-keys=2&prefix=b')
  expect([folder.keys, folder.prefixes]).toEqual([['b'], ['b/']])
  const rest = await listed(`delimiter=%2F&prefix=b&continuation-token=${folder.token}`)
  expect([rest.keys, rest.prefixes, rest.token]).toEqual([['b0'], [], undefined])
  expect((await listed('prefix=b%2F&delimiter=%2F')).prefixes).toEqual(['b/c/'])
  expect((await listed('start-after=c%20d%2Be')).keys).toEqual(inOrder.slice(inOrder.indexOf('c d+e') + 1))
  await s3.send('DELETE', '/other/a')
  await s3.send('PUT', '/other/A', { body: 'x' })
  expect((await listed('max-keys=1')).keys).toEqual(['A'])
})

test('pages of any size over any keys join to the whole listing', () => {
  const query = fc.record({
    keys: fc.uniqueArray(fc.string({ unit: fc.constantFrom('a', 'b', '/', '￿', '😀'), minLength: 1, maxLength: 6 })),
    removed: fc.array(fc.nat(20)),
    prefix: fc.constantFrom('', 'a', 'a/', '😀'),
    delimiter: fc.constantFrom('', '/'),
    limit: fc.integer({ min: 1, max: 5 }),
  })
  fc.assert(
    fc.property(query, ({ keys, removed, prefix, delimiter, limit }) => {
      const index = new KeyIndex([])
      for (const key of keys) index.set({ key, size: 0, etag: '', lastModified: 0 })
      const gone = new Set(removed.map((at) => keys[at]))
      for (const key of gone) if (key !== undefined) index.delete(key)
      const expected = modelListing(
        keys.filter((key) => !gone.has(key)),
        prefix,
        delimiter,
      )
      const walked: string[] = []
      let from: { afterKey?: string; afterPrefix?: string } | undefined = {}
      while (from) {
        const page = index.list({ prefix, delimiter, limit, afterKey: '', afterPrefix: '', ...from })
        walked.push(...[...page.objects.map((object) => object.key), ...page.commonPrefixes].sort(byBytes))
        from = page.next
      }
      expect(walked).toEqual(expected)
    }),
  )
})

function modelListing(keys: string[], prefix: string, delimiter: string): string[] {
  const rolled = keys
    .filter((key) => key.startsWith(prefix))
    .map((key) => {
      const cut = delimiter === '' ? -1 : key.indexOf(delimiter, prefix.length)
      return cut < 0 ? key : key.slice(0, cut + 1)
    })
  return [...new Set(rolled)].sort(byBytes)
}

function byBytes(a: string, b: string): number {
  return Buffer.compare(Buffer.from(a), Buffer.from(b))
}
