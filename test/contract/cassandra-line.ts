/** A line between a client and a server that can be held: what is sent waits, and so do answers, until it is let go. */

import type { AddressInfo } from 'node:net'
import { createConnection, createServer, type Socket } from 'node:net'

export interface HeldLine {
  /** Where clients connect to instead. */
  address: string
  /** `requests`: nothing reaches the server. `answers`: it works, and nobody hears of it. */
  hold(what: 'requests' | 'answers'): void
  /** Cuts all connections; what was held is lost. */
  cut(): void
  release(): void
  close(): Promise<void>
}

export async function openLine(target: string): Promise<HeldLine> {
  const [host = '', port = '9042'] = target.split(':')
  const sockets = new Set<Socket>()
  const pairs: { client: Socket; server: Socket }[] = []
  let held: 'requests' | 'answers' | null = null
  const apply = () => {
    for (const { client, server } of pairs) {
      if (held === 'requests') client.pause()
      else client.resume()
      if (held === 'answers') server.pause()
      else server.resume()
    }
  }
  const proxy = createServer((client) => {
    const server = createConnection({ host, port: Number(port) })
    pairs.push({ client, server })
    for (const [from, to] of [
      [client, server],
      [server, client],
    ] as const) {
      sockets.add(from)
      from.on('data', (chunk) => to.write(chunk))
      from.on('error', () => to.destroy())
      from.on('close', () => {
        sockets.delete(from)
        to.destroy()
      })
    }
    apply()
  })
  await new Promise<void>((resolve) => proxy.listen(0, '127.0.0.1', resolve))
  const set = (what: typeof held) => {
    held = what
    apply()
  }
  const cut = () => {
    for (const socket of sockets) socket.destroy()
    pairs.length = 0
  }
  return {
    address: `127.0.0.1:${(proxy.address() as AddressInfo).port}`,
    hold: set,
    release: () => set(null),
    cut,
    async close() {
      cut()
      await new Promise((resolve) => proxy.close(resolve))
    },
  }
}
