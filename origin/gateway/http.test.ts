import { createServer, request } from 'node:http'
import type { AddressInfo } from 'node:net'
import { afterEach, describe, expect, it } from 'vitest'
import { BodyAbortedError, readBody, sendJson } from './http.ts'

describe('readBody', () => {
  const cleanups: (() => void)[] = []
  afterEach(() => {
    for (const cleanup of cleanups.splice(0)) cleanup()
  })

  async function echoServer(limit: number, failures: unknown[] = []): Promise<string> {
    const server = createServer((req, res) => {
      readBody(req, limit).then(
        (body) => sendJson(res, 200, { length: body.length }),
        (error: Error) => {
          failures.push(error)
          sendJson(res, 413, { error: error.name })
        },
      )
    }).listen(0, '127.0.0.1')
    await new Promise((resolve) => server.once('listening', resolve))
    cleanups.push(() => server.close())
    return `http://127.0.0.1:${(server.address() as AddressInfo).port}`
  }

  it('reads a body up to the limit and refuses a longer one, with or without a length', async () => {
    const url = await echoServer(100_000)
    const post = async (body: Uint8Array | ReadableStream | string) =>
      (await fetch(url, { method: 'POST', body, duplex: 'half' } as RequestInit)).json()
    const unknownLength = (bytes: number) => new Blob([new Uint8Array(bytes)]).stream()
    expect(await post(new Uint8Array(100_000))).toEqual({ length: 100_000 })
    expect(await post(unknownLength(100_000))).toEqual({ length: 100_000 })
    expect(await post('')).toEqual({ length: 0 })
    expect(await post(new Uint8Array(100_001))).toEqual({ error: 'BodyTooLargeError' })
    expect(await post(unknownLength(300_000))).toEqual({ error: 'BodyTooLargeError' })
  })

  it('fails when the client leaves half way', async () => {
    const failures: unknown[] = []
    const url = await echoServer(100, failures)
    const half = request(url, { method: 'POST', headers: { 'content-length': 50 } })
    half.on('error', () => undefined)
    half.write('x'.repeat(10), () => half.destroy())
    await expect.poll(() => failures).toEqual([expect.any(BodyAbortedError)])
  })
})
