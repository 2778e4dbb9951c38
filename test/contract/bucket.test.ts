/** What the origin asks of its bucket at the start: on the server that S3_TEST_ENDPOINT names, and on one that can do none of it. */
import { createHash, randomUUID } from 'node:crypto'
import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { AwsClient } from 'aws4fetch'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { startEmbeddedObjects } from '../../origin/embedded/objects/index.ts'
import { type BucketRules, ObjectStoreError, prepareBucket, s3Objects } from '../../origin/objects/index.ts'

const RULES: BucketRules = { uploadPrefix: 'uploads/', uploadDays: 2, partDays: 1, origins: ['https://page.example'] }
const TEXT = { contentType: 'text/plain' }

function listener() {
  const said: string[] = []
  const note = (level: string) => (_: object, message: string) => void said.push(`${level}: ${message}`)
  return { said, logger: { info: note('info'), warn: note('warn'), error: note('error') } }
}

async function preflight(url: string, origin: string): Promise<string | null> {
  const headers = {
    origin,
    'access-control-request-method': 'PUT',
    'access-control-request-headers': 'content-type,x-amz-checksum-sha256',
  }
  const answer = await fetch(url, { method: 'OPTIONS', headers })
  await answer.body?.cancel()
  return answer.ok ? answer.headers.get('access-control-allow-origin') : null
}

const status = async (answer: Response) => {
  await answer.body?.cancel()
  return answer.status
}

const { S3_TEST_ENDPOINT, S3_TEST_ACCESS_KEY = '', S3_TEST_SECRET_KEY = '', S3_TEST_REGION = 'us-east-1' } = process.env

describe.skipIf(S3_TEST_ENDPOINT === undefined)('a bucket (skipped where S3_TEST_ENDPOINT names no server)', () => {
  const credentials = { accessKeyId: S3_TEST_ACCESS_KEY, secretAccessKey: S3_TEST_SECRET_KEY }
  const bucket = `test-${randomUUID()}`
  const options = { endpoint: S3_TEST_ENDPOINT ?? '', bucket, region: S3_TEST_REGION, credentials }
  const url = `${options.endpoint}/${bucket}`
  const objects = s3Objects(options)
  const signed = new AwsClient({ ...credentials, region: S3_TEST_REGION, service: 's3', retries: 0 })
  /** The rules, or the error that says that there are none, which names each request. */
  const document = async (what: string) =>
    (await (await signed.fetch(`${url}?${what}`)).text()).replace(/<RequestId>[^<]*<\/RequestId>/, '')
  const first = listener()
  let report: Awaited<ReturnType<typeof prepareBucket>>

  beforeAll(async () => {
    report = await prepareBucket(options, RULES, first.logger)
  })
  afterAll(async () => {
    await objects.delete((await objects.list('')).items.map(({ key }) => key))
    await status(await signed.fetch(url, { method: 'DELETE' }))
  })

  test('is made, and keeps objects', async () => {
    expect(report.bucket).toBe('set')
    await objects.put('media/1', Buffer.from('x'), TEXT)
    expect(await objects.head('media/1')).toMatchObject({ size: 1 })
  })

  test('forgets uploads that nobody claims', async () => {
    expect(report.expiry).toBe('set')
    const rules = await document('lifecycle')
    expect(rules).toMatch(/<Prefix>uploads\/<\/Prefix>/)
    expect(rules).toMatch(/<Expiration>\s*<Days>2<\/Days>/)
  })

  test('drops the parts of unfinished uploads, or we are told that it takes no such rule', async () => {
    if (report.parts === 'set')
      expect(await document('lifecycle')).toContain('<DaysAfterInitiation>1</DaysAfterInitiation>')
    else expect(first.said.join()).toContain('no rule about unfinished uploads')
  })

  test('is read by nobody who does not sign, even when a policy would let everybody', async () => {
    expect(report.policy).toBe('set')
    const open = { Effect: 'Allow', Principal: '*', Action: ['s3:GetObject'], Resource: [`arn:aws:s3:::${bucket}/*`] }
    const policy = JSON.parse(await document('policy')) as { Statement: object[] }
    const body = JSON.stringify({ ...policy, Statement: [...policy.Statement, open] })
    expect(await status(await signed.fetch(`${url}?policy`, { method: 'PUT', body }))).toBeLessThan(300)
    await objects.put('media/2', Buffer.from('x'), TEXT)
    expect(await status(await fetch(`${url}/media/2`))).toBe(403)
    expect(await status(await fetch(`${url}?list-type=2`))).toBe(403)
    const presigned = await objects.presignGet({ key: 'media/2', expiresSeconds: 60 })
    expect(await status(await fetch(presigned.url))).toBe(200)
    expect((await objects.head('media/2'))?.size).toBe(1)
  })

  test('lets the page upload, and no page that was not named', async () => {
    expect(await preflight(`${url}/uploads/1`, 'https://page.example')).toMatch(/^(\*|https:\/\/page\.example)$/)
    // Servers without rules let every page in: what grants access is the signature.
    if (report.cors === 'set') expect(await preflight(`${url}/uploads/1`, 'https://other.example')).toBeNull()
  })

  test('is left as it is when it is as it should be', async () => {
    const before = await Promise.all(['lifecycle', 'policy', 'cors'].map(document))
    const again = await prepareBucket(options, RULES, listener().logger)
    const settled = (outcome: string) => (outcome === 'set' ? 'is' : outcome)
    expect(again).toEqual(Object.fromEntries(Object.entries(report).map(([name, outcome]) => [name, settled(outcome)])))
    expect(await Promise.all(['lifecycle', 'policy', 'cors'].map(document))).toEqual(before)
  })

  test('keeps the rules of others when ours change', async () => {
    const theirs =
      '<Rule><ID>theirs</ID><Filter><Prefix>logs/</Prefix></Filter><Status>Enabled</Status><Expiration><Days>30</Days></Expiration></Rule>'
    const body = (await document('lifecycle')).replace('</LifecycleConfiguration>', `${theirs}$&`)
    const headers = { 'content-md5': createHash('md5').update(body).digest('base64') }
    expect(await status(await signed.fetch(`${url}?lifecycle`, { method: 'PUT', body, headers }))).toBe(200)
    expect((await prepareBucket(options, { ...RULES, uploadDays: 3 }, listener().logger)).expiry).toBe('set')
    const rules = await document('lifecycle')
    expect([rules.includes('logs/'), rules.includes('<Days>3</Days>'), rules.includes('<Days>2</Days>')]).toEqual([
      true,
      true,
      false,
    ])
  })

  test('may be prepared by several processes at once', async () => {
    const name = `test-${randomUUID()}`
    const all = await Promise.all(
      Array.from({ length: 4 }, () => prepareBucket({ ...options, bucket: name }, RULES, listener().logger)),
    )
    expect(all.every(({ expiry }) => expiry !== 'lacking')).toBe(true)
    await status(await signed.fetch(`${options.endpoint}/${name}`, { method: 'DELETE' }))
  })
})

test('a server that has no such rules is used all the same, and the log says what is missing', async () => {
  const dir = await mkdtemp(join(tmpdir(), 'bucket-'))
  const credentials = { accessKeyId: 'test', secretAccessKey: randomUUID() }
  const { said, logger } = listener()
  const server = await startEmbeddedObjects({ dir, credentials, buckets: [], logger })
  const options = { endpoint: server.endpoint, bucket: 'media', region: 'us-east-1', credentials }
  expect(await prepareBucket(options, RULES, logger)).toEqual({
    bucket: 'set',
    expiry: 'lacking',
    parts: 'lacking',
    policy: 'lacking',
    cors: 'lacking',
  })
  expect(said.filter((line) => line.startsWith('warn')).join('\n')).toMatch(/takes no lifecycle rules from us/)
  // It lets every page in by itself.
  expect(said.join()).not.toContain('CORS')
  await server.close()
  await rm(dir, { recursive: true, force: true })
})

test('a store that does not answer is told from one that refuses', async () => {
  const credentials = { accessKeyId: 'a', secretAccessKey: 'b' }
  const away = { endpoint: 'http://127.0.0.1:1', bucket: 'media', region: 'us-east-1', credentials }
  const error = await prepareBucket(away, RULES, listener().logger).catch((reason: unknown) => reason)
  expect(error).toBeInstanceOf(ObjectStoreError)
  expect(error).toMatchObject({ isTransient: true })
})
