/** A server in front of another one, whose answers can be held back. */
import { createServer, request } from 'node:http'
import type { AddressInfo } from 'node:net'
import { setTimeout as pause } from 'node:timers/promises'

export interface SlowFront {
  readonly port: number
  /** Milliseconds before each request is passed on. */
  delayMs: number
  close(): Promise<void>
}

/** @param port of the server behind it, on 127.0.0.1 */
export async function openSlowFront(port: number): Promise<SlowFront> {
  const server = createServer(async (incoming, outgoing) => {
    if (front.delayMs > 0) await pause(front.delayMs)
    const { method, url: path, headers } = incoming
    const passed = request({ host: '127.0.0.1', port, method, path, headers }, (answer) => {
      outgoing.writeHead(answer.statusCode ?? 502, answer.headers)
      answer.pipe(outgoing)
    })
    passed.on('error', () => outgoing.destroy())
    incoming.pipe(passed)
  })
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', () => resolve()))
  const front: SlowFront = {
    port: (server.address() as AddressInfo).port,
    delayMs: 0,
    close: () =>
      new Promise((resolve) => {
        server.close(() => resolve())
        server.closeAllConnections()
      }),
  }
  return front
}
