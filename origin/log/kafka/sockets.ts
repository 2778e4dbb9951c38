/** Sockets that can all be cut at once, so that a client that will not end is ended. */
import { connect, isIP, Socket } from 'node:net'
import { connect as connectTls } from 'node:tls'
import type { ISocketFactory } from 'kafkajs'

export interface SeverableSockets {
  factory: ISocketFactory
  /** Cuts what is open; what is opened later is dead from the start. */
  sever(): void
}

const KEEP_ALIVE_MS = 60_000

export function severableSockets(): SeverableSockets {
  const open = new Set<Socket>()
  let severed = false

  function opened(...[{ host, port, ssl, onConnect }]: Parameters<ISocketFactory>): Socket {
    if (severed) {
      const dead = new Socket()
      process.nextTick(() => dead.destroy(new Error('this client is closed')))
      return dead
    }
    // Undefined without TLS, whatever the types of kafkajs say.
    const socket = ssl
      ? connectTls({ host, port, ...(isIP(host) ? {} : { servername: host }), ...ssl }, onConnect)
      : connect({ host, port }, onConnect)
    socket.setKeepAlive(true, KEEP_ALIVE_MS)
    open.add(socket)
    socket.once('close', () => open.delete(socket))
    return socket
  }

  return {
    factory: opened,
    sever() {
      severed = true
      for (const socket of open) socket.destroy()
    },
  }
}
