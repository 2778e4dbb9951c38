import { createServer, type RequestListener, type Server } from 'node:http'
import type { AddressInfo } from 'node:net'
import { afterEach, expect, it, vi } from 'vitest'
import { s3Objects } from './s3.ts'

const servers: Server[] = []
afterEach(() => {
  for (const server of servers.splice(0)) {
    server.closeAllConnections()
    server.close()
  }
})

/** A store that takes connections and then behaves as told. */
async function storeThat(behaves: RequestListener, timeoutMs = 50) {
  const server = createServer(behaves).listen(0, '127.0.0.1')
  servers.push(server)
  await new Promise((resolve) => server.once('listening', resolve))
  return s3Objects({
    endpoint: `http://127.0.0.1:${(server.address() as AddressInfo).port}`,
    bucket: 'media',
    region: 'auto',
    credentials: { accessKeyId: 'k', secretAccessKey: 's' },
    timeoutMs,
  })
}

const unreachable = { code: 'Unreachable', isTransient: true }

it('does not wait for ever for a store that takes an upload and says nothing', async () => {
  const store = await storeThat((request) => void request.resume())
  await expect(store.put('a', new Uint8Array(1_000), { contentType: 'image/jpeg' })).rejects.toMatchObject(unreachable)
})

it('does not wait for ever for the rest of an answer that has begun', async () => {
  const store = await storeThat((_request, response) => {
    response.writeHead(200, { 'content-length': '1000' })
    response.write('the beginning')
    // Long enough for the beginning to come on a busy machine.
  }, 1_000)
  const object = await store.get('a')
  await expect(new Response(object!.body).arrayBuffer()).rejects.toMatchObject(unreachable)
})

it('gives a long upload the time that its bytes take, beside the wait for the answer', async () => {
  const store = await storeThat((request, response) => {
    request.resume().on('end', () => setTimeout(() => response.end(), 100))
  })
  // 256 bytes a millisecond: eight seconds more than the 50 ms of an empty one.
  const bytes = new Uint8Array(2 * 1024 * 1024)
  await expect(store.put('a', bytes, { contentType: 'image/jpeg' })).resolves.toEqual({ etag: '' })
})

it.each([
  ['read to its end', (body: ReadableStream) => new Response(body).arrayBuffer()],
  ['given up', (body: ReadableStream) => body.cancel()],
])('leaves no timer behind when an answer is %s', async (_, end) => {
  const store = await storeThat((_request, response) => response.end('x'.repeat(1_000)))
  vi.useFakeTimers({ toFake: ['setTimeout', 'clearTimeout'] })
  try {
    const object = await store.get('a')
    const whileOpen = vi.getTimerCount()
    await end(object!.body)
    expect(vi.getTimerCount()).toBe(whileOpen - 1)
  } finally {
    vi.useRealTimers()
  }
})

it('says that nobody is there at once', async () => {
  const store = await storeThat(() => {})
  servers[0]!.close()
  await expect(store.head('a')).rejects.toMatchObject(unreachable)
})
