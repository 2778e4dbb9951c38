/** TLS before a server that has none: what managed services look like from outside, for clients that follow no other address. */
import { type AddressInfo, connect, type Socket } from 'node:net'
import { createServer } from 'node:tls'
import type { TestCertificates } from './certificates.ts'

export interface TlsFront {
  port: number
  /** The names that clients asked for; false where one asked for none. */
  asked: (string | false)[]
  close(): Promise<void>
}

/** @param target host:port of the server behind */
export async function openTlsFront(target: string, { cert, key }: TestCertificates): Promise<TlsFront> {
  const [host = '', port = ''] = target.split(':')
  const sockets = new Set<Socket>()
  const asked: (string | false)[] = []
  const front = createServer({ cert, key }, (near) => {
    asked.push(near.servername || false)
    const far = connect({ host, port: Number(port) })
    for (const [from, to] of [
      [near, far],
      [far, near],
    ] as const) {
      sockets.add(from)
      from.on('error', () => to.destroy())
      from.on('close', () => {
        sockets.delete(from)
        to.destroy()
      })
    }
    near.pipe(far).pipe(near)
  })
  // A client that does not like the certificate goes away in the middle.
  front.on('tlsClientError', () => undefined)
  await new Promise<void>((resolve) => front.listen(0, '127.0.0.1', resolve))
  return {
    port: (front.address() as AddressInfo).port,
    asked,
    async close() {
      for (const socket of sockets) socket.destroy()
      await new Promise((resolve) => front.close(resolve))
    },
  }
}
