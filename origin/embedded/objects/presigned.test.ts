import { request as httpRequest } from 'node:http'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { errorCode, startTestServer, type TestServer } from './test-server.ts'

let s3: TestServer

beforeAll(async () => {
  s3 = await startTestServer({ publicRead: ['public/'], allowedOrigins: ['http://app.test'] })
})

afterAll(async () => {
  expect(s3.errors).toEqual([])
  await s3.stop()
})

const JPEG = { 'content-type': 'image/jpeg' }

test('a presigned PUT stores the object with its type, and a presigned GET reads it', async () => {
  const headers = { ...JPEG, 'cache-control': 'max-age=60', 'x-amz-meta-owner': 'u1' }
  const put = await fetch(await s3.presign('PUT', '/media/a.jpg', { headers }), { method: 'PUT', headers, body: 'abc' })
  expect(put.status).toBe(200)
  expect(put.headers.get('etag')).toBe('"900150983cd24fb0d6963f7d28e17f72"')
  const got = await fetch(await s3.presign('GET', '/media/a.jpg'))
  expect(await got.text()).toBe('abc')
  expect(got.headers.get('content-type')).toBe('image/jpeg')
  expect(got.headers.get('cache-control')).toBe('max-age=60')
  expect(got.headers.get('x-amz-meta-owner')).toBe('u1')
})

test('a presigned PUT holds for its content type, key and method only', async () => {
  const url = await s3.presign('PUT', '/media/b.jpg', { headers: JPEG })
  const put = (target: string, headers: Record<string, string>): Promise<Response> =>
    fetch(target, { method: 'PUT', headers, body: 'abc' })
  expect(await errorCode(await put(url, { 'content-type': 'text/html' }))).toBe('SignatureDoesNotMatch')
  expect(await errorCode(await put(url.replace('b.jpg', 'c.jpg'), JPEG))).toBe('SignatureDoesNotMatch')
  expect(await errorCode(await fetch(url))).toBe('SignatureDoesNotMatch')
  expect(await errorCode(await put(`${url}&x-amz-meta-a=1`, JPEG))).toBe('SignatureDoesNotMatch')
  expect(await errorCode(await put(url, { ...JPEG, 'x-amz-meta-a': '1' }))).toBe('AccessDenied')
  expect((await s3.send('HEAD', '/media/b.jpg')).status).toBe(404)
})

test('a signed content-length enforces the exact size', async () => {
  const headers = { ...JPEG, 'content-length': '3' }
  const url = await s3.presign('PUT', '/media/sized.jpg', { headers })
  const put = (body: string): Promise<Response> => fetch(url, { method: 'PUT', headers: JPEG, body })
  expect(await errorCode(await put('abcd'))).toBe('SignatureDoesNotMatch')
  expect(await errorCode(await put('ab'))).toBe('SignatureDoesNotMatch')
  expect((await put('abc')).status).toBe(200)
})

test('a presigned URL works until its expiry and not a second longer', async () => {
  await s3.send('PUT', '/media/expiring', { body: 'x' })
  const url = await s3.presign('GET', '/media/expiring', { expires: 60 })
  s3.advance(60_000)
  expect((await fetch(url)).status).toBe(200)
  s3.advance(1000)
  const late = await fetch(url)
  expect(late.status).toBe(403)
  expect(await late.text()).toContain('Request has expired')
  for (const expires of [0, 604_801]) {
    expect(await errorCode(await fetch(await s3.presign('GET', '/media/expiring', { expires })))).toBe(
      'AuthorizationQueryParametersError',
    )
  }
})

test('a signature in the header must be made within 15 minutes of now', async () => {
  const url = `${s3.server.endpoint}/media/expiring`
  const signed = await s3.presign('GET', '/media/expiring', { expires: 3600 })
  s3.advance(-16 * 60_000)
  expect(await errorCode(await fetch(signed))).toBe('AccessDenied')
  s3.advance(16 * 60_000)
  const headers = {
    'x-amz-date': '20200101T000000Z',
    'x-amz-content-sha256': 'UNSIGNED-PAYLOAD',
    authorization: `AWS4-HMAC-SHA256 Credential=testkey/20200101/us-east-1/s3/aws4_request, SignedHeaders=host, Signature=${'0'.repeat(64)}`,
  }
  expect(await errorCode(await fetch(url, { headers }))).toBe('RequestTimeTooSkewed')
})

test('foreign keys, foreign regions, broken and missing signatures are refused', async () => {
  const url = await s3.presign('GET', '/media/expiring')
  const cases: [string, string][] = [
    [url.replace('testkey', 'other'), 'InvalidAccessKeyId'],
    [url.replace('us-east-1', 'eu-west-1'), 'AuthorizationQueryParametersError'],
    [url.replace(/X-Amz-Signature=\w{4}/, 'X-Amz-Signature=zzzz'), 'SignatureDoesNotMatch'],
    [url.replace(/X-Amz-Signature=\w+/, 'X-Amz-Signature=00'), 'SignatureDoesNotMatch'],
    [url.replace(/&X-Amz-Signature=\w+/, ''), 'AuthorizationQueryParametersError'],
    [`${s3.server.endpoint}/media/expiring`, 'AccessDenied'],
    [`${s3.server.endpoint}/media/public/%ff`, 'InvalidURI'],
  ]
  for (const [target, code] of cases) expect(await errorCode(await fetch(target)), target).toBe(code)
  expect(await errorCode(await fetch(url, { headers: { authorization: 'AWS4-HMAC-SHA256 x' } }))).toBe(
    'InvalidArgument',
  )
  const basic = await fetch(`${s3.server.endpoint}/media/a`, { headers: { authorization: 'Basic eDp5' } })
  expect(await errorCode(basic)).toBe('AuthorizationHeaderMalformed')
})

test('only reads of public prefixes go without a signature', async () => {
  await s3.send('PUT', '/media/public/p.jpg', { body: 'x', headers: JPEG })
  const at = (path: string, method = 'GET'): Promise<Response> => fetch(s3.server.endpoint + path, { method })
  expect((await at('/media/public/p.jpg')).status).toBe(200)
  expect((await at('/media/public/none.jpg')).status).toBe(404)
  expect((await at('/media/publicity')).status).toBe(403)
  expect((await at('/media?list-type=2&prefix=public/')).status).toBe(403)
  expect((await at('/media/public/p.jpg?response-content-type=text/html')).status).toBe(403)
  for (const method of ['PUT', 'DELETE', 'POST']) expect((await at('/media/public/p.jpg', method)).status).toBe(403)
})

test('a preflight is answered for allowed origins, and answers can be read by their pages', async () => {
  const preflight = (origin: string): Promise<Response> =>
    fetch(`${s3.server.endpoint}/media/a.jpg`, {
      method: 'OPTIONS',
      headers: { origin, 'access-control-request-method': 'PUT', 'access-control-request-headers': 'content-type' },
    })
  const allowed = await preflight('http://app.test')
  expect(allowed.status).toBe(200)
  expect(allowed.headers.get('access-control-allow-origin')).toBe('http://app.test')
  expect(allowed.headers.get('access-control-allow-methods')).toContain('PUT')
  expect(allowed.headers.get('access-control-allow-headers')).toBe('content-type')
  expect((await preflight('http://evil.test')).status).toBe(403)
  const headers = { origin: 'http://app.test' }
  const got = await fetch(await s3.presign('GET', '/media/a.jpg'), { headers })
  expect(got.headers.get('access-control-expose-headers')).toContain('ETag')
  const refused = await fetch(`${s3.server.endpoint}/media/a.jpg`, { headers })
  expect(refused.status).toBe(403)
  expect(refused.headers.get('access-control-allow-origin')).toBe('http://app.test')
})

test('Expect: 100-continue gets the refusal before the body is sent', async () => {
  const status = await new Promise((resolve, reject) => {
    const headers = { expect: '100-continue', 'content-length': 5 }
    const request = httpRequest(`${s3.server.endpoint}/media/x`, { method: 'PUT', headers })
    request.on('continue', () => reject(new Error('was told to go on')))
    request.on('response', (response) => {
      resolve(response.statusCode)
      request.destroy()
    })
    request.on('error', () => undefined)
    request.flushHeaders()
  })
  expect(status).toBe(403)
})
