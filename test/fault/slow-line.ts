/** A line to a server that speaks over TCP, on which what is sent can be held back. */
import { type AddressInfo, connect, createServer, type Socket } from 'node:net'
import { setTimeout as pause } from 'node:timers/promises'

export interface SlowLine {
  readonly port: number
  /** Milliseconds before anything that a client sends is passed on; replies come at once. */
  delayMs: number
  close(): Promise<void>
}

/** @param port of the server at its end, on 127.0.0.1 */
export async function openSlowLine(port: number): Promise<SlowLine> {
  const sockets = new Set<Socket>()
  const server = createServer((client) => {
    const upstream = connect(port, '127.0.0.1')
    // One after the other: what was sent first arrives first, however the delay changes.
    let passed = Promise.resolve()
    client.on('data', (bytes) => {
      const due = line.delayMs === 0 ? null : pause(line.delayMs)
      passed = passed.then(() => due).then(() => void upstream.write(bytes))
    })
    upstream.pipe(client)
    for (const [socket, other] of [
      [client, upstream],
      [upstream, client],
    ] as const) {
      sockets.add(socket)
      socket
        .on('error', () => other.destroy())
        .on('close', () => {
          sockets.delete(socket)
          other.destroy()
        })
    }
  })
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', () => resolve()))
  const line: SlowLine = {
    port: (server.address() as AddressInfo).port,
    delayMs: 0,
    close: () =>
      new Promise((resolve) => {
        server.close(() => resolve())
        for (const socket of sockets) socket.destroy()
      }),
  }
  return line
}
