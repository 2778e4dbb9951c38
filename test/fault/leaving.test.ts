/**
 * Clients that go away while their answer is being made: the runtime ends such a request where it stands. The Workers that are
 * deployed, in plain workerd: a development proxy would not hand the end of a connection on.
 */
import { once } from 'node:events'
import { mkdtempSync, readFileSync, rmSync } from 'node:fs'
import { createServer, get, type IncomingMessage, type Server, type ServerResponse } from 'node:http'
import type { AddressInfo } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { text } from 'node:stream/consumers'
import { afterAll, beforeAll, expect, it } from 'vitest'
import { buildEdge, type Edge, startEdge } from '../../bench/mixed/edge.ts'
import { workerVars } from '../../ops/workers.ts'
import { ensureSecrets } from '../../origin/secrets.ts'

const PHOTO = readFileSync(new URL('../../workers/image-resize/fixtures/photo.jpg.bin', import.meta.url))
/** Three quarters of them are for requests that are no feeds. */
const IN_FLIGHT = 8
const READS = 6
/** Of an original whose store does not say how long it is, the image Worker reserves the most that one may have: 16 of 96 MB. */
const PICTURES = 6

/** A store that begins to answer and goes on when it is told to. */
interface HeldStore {
  readonly url: string
  readonly held: (() => void)[]
  release(): void
  close(): void
}

async function openHeldStore(answer: (request: IncomingMessage, response: ServerResponse) => Promise<() => void>) {
  const held: (() => void)[] = []
  let isOpen = false
  const server: Server = createServer(async (request, response) => {
    const finish = await answer(request, response)
    if (isOpen) finish()
    else held.push(finish)
  })
  server.listen(0, '127.0.0.1')
  await once(server, 'listening')
  const store: HeldStore = {
    url: `http://127.0.0.1:${(server.address() as AddressInfo).port}`,
    held,
    release() {
      isOpen = true
      for (const finish of held) finish()
    },
    close() {
      server.close()
      server.closeAllConnections()
    },
  }
  return store
}

const openRedis = () =>
  openHeldStore(async (request, response) => {
    const commands = JSON.parse(await text(request)) as unknown[]
    const replies = JSON.stringify(commands.map(() => ({ result: [] })))
    return () => response.writeHead(200, { 'content-type': 'application/json' }).end(replies)
  })

const openObjects = () =>
  openHeldStore(async (_, response) => {
    response.writeHead(200, { 'content-type': 'image/jpeg' }).flushHeaders()
    return () => response.end(PHOTO)
  })

/** Asks, and breaks the connection off as soon as the store has been asked: a reset, as when an app is closed. */
async function askAndLeave(url: string, store: HeldStore): Promise<void> {
  const before = store.held.length
  const request = get(url, { agent: false })
  request.on('error', () => {})
  const left = new Promise((resolve) => request.once('close', resolve))
  await expect.poll(() => store.held.length).toBe(before + 1)
  request.socket?.resetAndDestroy()
  await left
}

const statusOf = async (url: string) => {
  const answer = await fetch(url)
  await answer.arrayBuffer()
  return answer.status
}

const directory = mkdtempSync(join(tmpdir(), 'tideline-leaving-'))
let redis: HeldStore
let objects: HeldStore
let edge: Edge

beforeAll(async () => {
  redis = await openRedis()
  objects = await openObjects()
  const vars = workerVars({
    originUrl: 'http://127.0.0.1:1',
    gatewayUrl: redis.url,
    objectsEndpoint: objects.url,
    bucket: 'media',
    region: 'here',
    secrets: ensureSecrets(directory, {}, false),
    shards: [],
    publicUrl: '',
  })
  Object.assign(vars.api, { MAX_IN_FLIGHT: String(IN_FLIGHT), REDIS_TIMEOUT_MS: '60000' })
  await buildEdge(directory)
  edge = await startEdge(directory, vars)
})
afterAll(async () => {
  await edge?.api.stop()
  await edge?.image.stop()
  redis?.close()
  objects?.close()
  rmSync(directory, { recursive: true, force: true })
})

it('an isolate has the room again that they took', async () => {
  const url = `${edge.url}/v1/trending/hashtags`
  for (let i = 0; i < READS; i++) await askAndLeave(url, redis)
  expect(await statusOf(url)).toBe(503)
  redis.release()
  await expect.poll(() => statusOf(url), { timeout: 20_000 }).toBe(200)
})

it('the image Worker has the memory again that their pictures took', async () => {
  for (let i = 0; i < PICTURES; i++) await askAndLeave(`${edge.imageUrl}/img/thumb/media/1/photo-${i}.jpg`, objects)
  const url = `${edge.imageUrl}/img/thumb/media/1/another.jpg`
  expect(await statusOf(url)).toBe(503)
  objects.release()
  await expect.poll(() => statusOf(url), { timeout: 20_000 }).toBe(200)
})
