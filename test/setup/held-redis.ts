/** Stands for a Redis that is slow over HTTP: a POST (one PING, as Upstash is asked) is answered when a GET of the same path has come. */
import { createServer, type ServerResponse } from 'node:http'
import type { AddressInfo } from 'node:net'

/** @returns its address, on 127.0.0.1 */
export async function startHeldRedis(): Promise<string> {
  const held = new Map<string, ServerResponse>()
  const released = new Set<string>()
  const answer = (response: ServerResponse) =>
    void response.setHeader('content-type', 'application/json').end('[{"result":"PONG"}]')
  const server = createServer(({ method, url = '' }, response) => {
    if (method === 'POST') return released.has(url) ? answer(response) : void held.set(url, response)
    released.add(url)
    const waiting = held.get(url)
    if (waiting !== undefined) answer(waiting)
    response.end()
  })
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', () => resolve()))
  return `http://127.0.0.1:${(server.address() as AddressInfo).port}`
}
