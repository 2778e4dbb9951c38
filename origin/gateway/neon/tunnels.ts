import type { IncomingMessage } from 'node:http'
import type { Duplex } from 'node:stream'
import { WebSocketServer } from 'ws'
import { serveTunnel, type Tunnel, type TunnelOptions } from './tunnel.ts'

/** The gateway's WebSockets. */
export interface Tunnels {
  accept(request: IncomingMessage, socket: Duplex, head: Buffer): void
  readonly open: number
  close(): void
}

export function createTunnels(options: TunnelOptions): Tunnels {
  const { limits, metrics } = options
  const tunnels = new Set<Tunnel>()
  // Compression is off: it costs more than it saves on small messages, and holds memory for every connection.
  const server = new WebSocketServer({ noServer: true, maxPayload: limits.frameBytes, perMessageDeflate: false })
  /** Upgrades under way count, or a burst would pass the limit together. */
  let upgrading = 0

  return {
    accept(request, socket, head) {
      if (tunnels.size + upgrading >= limits.tunnels) {
        metrics.tunnel('53300')
        // HTTP sockets stay half open after their end otherwise.
        socket.once('finish', () => socket.destroy())
        socket.end(
          'HTTP/1.1 503 Service Unavailable\r\nretry-after: 1\r\nconnection: close\r\ncontent-length: 0\r\n\r\n',
        )
        return
      }
      upgrading += 1
      let counted = true
      const settle = () => {
        if (counted) upgrading -= 1
        counted = false
      }
      // A refused handshake (no key, wrong version) never reaches the callback.
      socket.once('close', settle)
      server.handleUpgrade(request, socket, head, (webSocket) => {
        settle()
        const tunnel = serveTunnel(webSocket, options)
        tunnels.add(tunnel)
        webSocket.once('close', () => tunnels.delete(tunnel))
      })
    },
    get open() {
      return tunnels.size
    },
    close() {
      for (const tunnel of tunnels) tunnel.end({ code: '57P01', message: 'the gateway is shutting down' })
      server.close()
    },
  }
}
