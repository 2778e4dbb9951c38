import { connect } from 'node:net'

/** Where a backend is and the key that Postgres gave out for it. */
export interface CancelTarget {
  /** A folder, with a leading slash, for a Unix socket. */
  host: string
  port: number
  processID: number
  secretKey: number
}

const CANCEL_REQUEST = 80877102
const TIMEOUT_MS = 5_000

/** Asks Postgres, over a connection of its own, to stop what a backend is doing. Nothing is answered. */
export function sendCancel({ host, port, processID, secretKey }: CancelTarget): void {
  const request = Buffer.alloc(16)
  for (const [index, value] of [16, CANCEL_REQUEST, processID, secretKey].entries()) {
    request.writeInt32BE(value, index * 4)
  }
  const socket = host.startsWith('/') ? connect(`${host}/.s.PGSQL.${port}`) : connect(port, host)
  socket.on('error', () => {})
  socket.setTimeout(TIMEOUT_MS, () => socket.destroy())
  socket.end(request)
}
