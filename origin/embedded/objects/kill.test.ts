import { type ChildProcess, spawn } from 'node:child_process'
import { createHash } from 'node:crypto'
import { once } from 'node:events'
import { mkdtemp, readdir, rm, stat } from 'node:fs/promises'
import { request as httpRequest } from 'node:http'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { AwsClient } from 'aws4fetch'
import { afterEach, beforeEach, expect, test } from 'vitest'
import { CREDENTIALS } from './test-server.ts'

/** Large enough that a kill often hits a body half written. */
const BODY_BYTES = 500_000
const KEYS = ['a', 'b', 'c', 'd', 'e', 'f']
const ROUNDS = 3

let dir: string
let child: ChildProcess | undefined

beforeEach(async () => {
  dir = await mkdtemp(join(tmpdir(), 'objects-kill-'))
})

afterEach(async () => {
  child?.kill('SIGKILL')
  await rm(dir, { recursive: true, force: true })
})

async function start(): Promise<string> {
  const script = join(import.meta.dirname, 'kill-child.ts')
  child = spawn(process.execPath, [script, dir], { stdio: ['ignore', 'pipe', 'inherit'] })
  const [line] = (await once(child.stdout!, 'data')) as [Buffer]
  return line.toString().trim()
}

async function kill(): Promise<void> {
  const exited = once(child!, 'exit')
  child?.kill('SIGKILL')
  await exited
}

const client = new AwsClient({ ...CREDENTIALS, service: 's3', region: 'us-east-1', retries: 0 })
/** A body that tells which version it is and whether it is whole. */
const bodyOf = (version: number): Buffer<ArrayBuffer> => Buffer.alloc(BODY_BYTES, `${version};`)

test('after kill -9 in the middle of writes every object is whole, and no acknowledged one is lost', {
  timeout: 30_000,
}, async () => {
  const acknowledged = new Map<string, number>()
  const attempted = new Map<string, number>()
  let version = 0
  for (let round = 0; round < ROUNDS; round += 1) {
    const endpoint = await start()
    let isDead = false
    let puts = 0
    const write = async (key: string): Promise<void> => {
      while (!isDead) {
        version += 1
        const mine = version
        attempted.set(key, mine)
        const response = await client.fetch(`${endpoint}/media/${key}`, { method: 'PUT', body: bodyOf(mine) })
        expect(response.status).toBe(200)
        acknowledged.set(key, mine)
        puts += 1
        // The kill falls wherever the other writers happen to be.
        if (puts === 10 + round * 3) {
          isDead = true
          await kill()
        }
      }
    }
    await Promise.allSettled(KEYS.map(write))
    expect(isDead).toBe(true)
    await requireWhole(await start(), acknowledged, attempted)
    await kill()
  }
})

async function requireWhole(
  endpoint: string,
  acknowledged: Map<string, number>,
  attempted: Map<string, number>,
): Promise<void> {
  const listing = await (await client.fetch(`${endpoint}/media?list-type=2`)).text()
  for (const key of KEYS) {
    const response = await client.fetch(`${endpoint}/media/${key}`)
    const body = Buffer.from(await response.arrayBuffer())
    if (response.status === 404) {
      expect(acknowledged.has(key)).toBe(false)
      continue
    }
    const found = Number.parseInt(body.toString('latin1', 0, 12), 10)
    expect(body.equals(bodyOf(found))).toBe(true)
    expect([acknowledged.get(key), attempted.get(key)]).toContain(found)
    expect(response.headers.get('etag')).toBe(`"${createHash('md5').update(body).digest('hex')}"`)
    expect(listing).toContain(`<Key>${key}</Key>`)
    // What was there when the server came up is the truth from now on.
    acknowledged.set(key, found)
  }
  expect(await readdir(join(dir, 'media', 'tmp'))).toEqual([])
}

test('kill -9 while a body arrives leaves the object that was there', async () => {
  const first = await start()
  await client.fetch(`${first}/media/photo`, { method: 'PUT', body: 'the old photo' })
  const { url } = await client.sign(`${first}/media/photo`, { method: 'PUT', aws: { signQuery: true } })
  const upload = httpRequest(url, { method: 'PUT', headers: { 'content-length': BODY_BYTES } })
  upload.on('error', () => undefined).write(bodyOf(2).subarray(0, BODY_BYTES / 2))
  await expect.poll(() => bytesIn(join(dir, 'media')), { timeout: 5000 }).toBeGreaterThan(BODY_BYTES / 4)
  await kill()
  expect(await (await client.fetch(`${await start()}/media/photo`)).text()).toBe('the old photo')
})

/** Bytes of all files below a folder. */
async function bytesIn(folder: string): Promise<number> {
  const files = (await readdir(folder, { recursive: true, withFileTypes: true })).filter((entry) => entry.isFile())
  const sizes = await Promise.all(files.map(async (file) => (await stat(join(file.parentPath, file.name))).size))
  return sizes.reduce((sum, size) => sum + size, 0)
}

test('a multipart upload goes on after kill -9', async () => {
  const first = await start()
  const created = await (await client.fetch(`${first}/media/film?uploads`, { method: 'POST' })).text()
  const uploadId = /<UploadId>(.*?)</.exec(created)?.[1] ?? ''
  const put = async (endpoint: string, number: number): Promise<string> => {
    const url = `${endpoint}/media/film?partNumber=${number}&uploadId=${uploadId}`
    const response = await client.fetch(url, { method: 'PUT', body: `part ${number};` })
    return `<Part><PartNumber>${number}</PartNumber><ETag>${response.headers.get('etag')}</ETag></Part>`
  }
  const parts = [await put(first, 1)]
  await kill()
  const second = await start()
  parts.push(await put(second, 2))
  const body = `<CompleteMultipartUpload>${parts.join('')}</CompleteMultipartUpload>`
  await client.fetch(`${second}/media/film?uploadId=${uploadId}`, { method: 'POST', body })
  expect(await (await client.fetch(`${second}/media/film`)).text()).toBe('part 1;part 2;')
})
