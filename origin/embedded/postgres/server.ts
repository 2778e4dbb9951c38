import { randomInt } from 'node:crypto'
import { createServer, type Server, type Socket } from 'node:net'
import { Connection } from './connection.ts'
import type { Engine } from './engine.ts'
import { encodeError } from './protocol.ts'
import { Scheduler } from './scheduler.ts'

export interface SocketServerOptions {
  readonly engine: Engine
  readonly host: string
  /** 0 lets the system choose. */
  readonly port: number
  readonly maxConnections: number
  readonly transactionIdleMs: number
  readonly password: string | undefined
  readonly onDeath: (cause: unknown) => void
}

export interface SocketServer {
  readonly port: number
  /** Tells all clients that the server goes, rolls back open transactions and closes the engine. */
  close(): Promise<void>
}

/** Serves one engine to many Postgres clients on a TCP socket. */
export async function listen(options: SocketServerOptions): Promise<SocketServer> {
  const { engine, onDeath } = options
  const connections = new Map<number, Connection>()
  const sockets = new Set<Socket>()
  const onCrash = (cause: unknown) => {
    disconnect(connections.values(), '57P02', 'terminating connection because the engine crashed')
    // What has just been written leaves before the thread ends.
    setImmediate(onDeath, cause)
  }
  const scheduler = new Scheduler({ engine, transactionIdleMs: options.transactionIdleMs, onDeath: onCrash })
  let lastId = 0

  function accept(socket: Socket): void {
    sockets.add(socket)
    socket.on('close', () => sockets.delete(socket))
    if (connections.size >= options.maxConnections) {
      refuse(socket)
      return
    }
    const id = ++lastId
    const connection = new Connection(socket, {
      id,
      secret: randomInt(2 ** 31),
      scheduler,
      parameters: engine.parameters,
      password: options.password,
      onCancel: (target, secret) => connections.get(target)?.cancel(secret),
    })
    connections.set(id, connection)
    socket.on('close', () => connections.delete(id))
  }

  const server = createServer(accept)
  const port = await bind(server, options.host, options.port)
  return {
    port,
    async close() {
      const closed = new Promise((resolve) => server.close(resolve))
      await scheduler.close()
      // Farewells that have arrived are read first: a client that left is not told that it was thrown out.
      for (let rounds = 0; rounds < 2; rounds++) await new Promise(setImmediate)
      disconnect(connections.values(), '57P01', 'terminating connection due to administrator command')
      for (const socket of sockets) socket.destroySoon()
      await closed
      await engine.close()
    },
  }
}

function disconnect(connections: Iterable<Connection>, code: string, message: string): void {
  for (const connection of connections) connection.terminate({ severity: 'FATAL', code, message })
}

/** Reads the startup message first: closing with unread bytes would reset the connection before the reason arrives. */
function refuse(socket: Socket): void {
  socket.on('error', () => {})
  socket.once('data', () => {
    socket.end(encodeError({ severity: 'FATAL', code: '53300', message: 'sorry, too many clients already' }))
    socket.destroySoon()
  })
}

function bind(server: Server, host: string, port: number): Promise<number> {
  return new Promise((resolve, reject) => {
    server.once('error', reject)
    server.listen(port, host, () => {
      server.off('error', reject)
      const address = server.address()
      resolve(typeof address === 'object' && address !== null ? address.port : port)
    })
  })
}
