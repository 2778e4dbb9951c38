/** A WebSocket's own connection to the target: pg signs in, with whatever method and TLS that takes, and steps aside. */
import type { Duplex } from 'node:stream'
import pg from 'pg'
import { sendCancel } from './cancel.ts'
import type { NeonGatewayLimits } from './settings.ts'
import { type Session, startupOptions } from './startup.ts'

/** pg's client with what its types leave out. */
interface OpenClient {
  host: string
  port: number
  processID: number
  secretKey: number
  connection: { stream: Duplex; on(event: string, listener: (message: never) => void): void }
}

export interface OpenTarget {
  /** Paused. From here on its bytes belong to the client. */
  stream: Duplex
  /** What the target told of itself. */
  session: Session & { parameters: Map<string, string> }
}

/**
 * @param parameters of the client's startup message
 * @throws {DatabaseError} what Postgres says to the gateway
 */
export async function openTarget(
  url: string,
  parameters: ReadonlyMap<string, string>,
  limits: NeonGatewayLimits,
): Promise<OpenTarget> {
  const idleInTransaction = `-c idle_in_transaction_session_timeout=${limits.transactionIdleMs}`
  const client = new pg.Client({
    connectionString: url,
    connectionTimeoutMillis: limits.handshakeTimeoutMs,
    options: `${idleInTransaction} ${startupOptions(parameters)}`.trim(),
  })
  // Whoever takes the stream over watches it.
  client.on('error', () => {})
  const { connection } = client as unknown as OpenClient
  const status = new Map<string, string>()
  connection.on('parameterStatus', (message: { parameterName: string; parameterValue: string }) =>
    status.set(message.parameterName, message.parameterValue),
  )
  await client.connect()
  const { processID, secretKey } = client as unknown as OpenClient
  const { stream } = connection
  stream.removeAllListeners('data')
  stream.pause()
  return { stream, session: { parameters: status, processID, secretKey } }
}

/** Asks the target to cancel what another connection is running. */
export function cancelAt(url: string, key: { processID: number; secretKey: number }): void {
  // pg reads the address out of the URL, with all its forms; the client is never connected.
  const { host, port } = new pg.Client({ connectionString: url })
  sendCancel({ host, port, ...key })
}
