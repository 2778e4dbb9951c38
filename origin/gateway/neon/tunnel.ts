import type { Duplex } from 'node:stream'
import pg from 'pg'
import type { WebSocket } from 'ws'
import { sendCancel } from './cancel.ts'
import { type CredentialCheck, wrongPassword } from './credentials.ts'
import type { GatewayMetrics } from './metrics.ts'
import type { Credentials, GatewayLogger, NeonGatewayLimits, TargetSettings } from './settings.ts'
import {
  ASK_CLEARTEXT_PASSWORD,
  encodeFatal,
  encodeWelcome,
  OpeningReader,
  ProtocolError,
  startupOptions,
} from './startup.ts'

export interface TunnelOptions {
  target: TargetSettings
  credentials: Credentials
  limits: NeonGatewayLimits
  logger: GatewayLogger
  metrics: GatewayMetrics
}

/** One WebSocket and its connection to the target. */
export interface Tunnel {
  /** Closes both sides, telling the client why. */
  end(reason: { code: string; message: string }): void
}

interface Login {
  user: string
  database: string
  parameters: Map<string, string>
}

/** pg's client with what its types leave out. */
interface OpenClient {
  host: string
  port: number
  processID: number
  secretKey: number
  connection: { stream: Duplex; on(event: string, listener: (message: never) => void): void }
}

/**
 * Serves one WebSocket: the gateway asks for the password itself, signs in at the target with its own credentials, and
 * from then on hands bytes through in both directions, untouched.
 *
 * The client may send its startup message, password and first query in one flight (`pipelineConnect: "password"`) or wait
 * for each answer; both come out the same.
 */
export function serveTunnel(socket: WebSocket, options: TunnelOptions & { isAccepted: CredentialCheck }): Tunnel {
  const { limits, metrics, logger, isAccepted, credentials } = options
  const reader = new OpeningReader()
  let login: Login | undefined
  let state: 'opening' | 'connecting' | 'open' | 'closed' = 'opening'
  let target: Duplex | undefined
  let idle: NodeJS.Timeout = setTimeout(
    () => end({ code: '08006', message: 'the startup message did not arrive in time' }),
    limits.handshakeTimeoutMs,
  )

  function end(reason: { code: string; message: string }): void {
    if (state === 'closed') return
    if (state !== 'open') metrics.tunnel(reason.code)
    if (socket.readyState === socket.OPEN) socket.send(encodeFatal(reason))
    close()
  }

  function close(): void {
    state = 'closed'
    clearTimeout(idle)
    // A paused socket would never see the answer to its farewell.
    socket.resume()
    socket.close()
    target?.destroy()
  }

  function receive(bytes: Buffer): void {
    if (state === 'opening') {
      reader.push(bytes)
      open()
    } else if (state === 'connecting') reader.push(bytes)
    else if (state === 'open') forward(bytes)
  }

  function open(): void {
    for (;;) {
      if (login === undefined) {
        const opening = reader.opening()
        if (opening === undefined) return
        if (opening.kind === 'tls') socket.send('N')
        else if (opening.kind === 'cancel') {
          void sendCancelTo(options.target.url, opening)
          close()
          return
        } else login = readLogin(opening.parameters)
        if (login !== undefined) socket.send(ASK_CLEARTEXT_PASSWORD)
        continue
      }
      const password = reader.password()
      if (password === undefined) return
      if (!isAccepted({ user: login.user, password, database: login.database })) {
        end(wrongPassword(login.user))
        return
      }
      state = 'connecting'
      // Until the target is there, nothing more is read than what is on its way.
      socket.pause()
      connect(login).catch((error: unknown) => {
        logger.warn({ err: error }, 'no connection to Postgres for a WebSocket')
        const known =
          error instanceof pg.DatabaseError ? { code: error.code ?? '08006', message: error.message } : undefined
        end(known ?? { code: '08006', message: 'no connection to the database' })
      })
      return
    }
  }

  async function connect({ parameters }: Login): Promise<void> {
    const idleInTransaction = `-c idle_in_transaction_session_timeout=${limits.transactionIdleMs}`
    const client = new pg.Client({
      connectionString: options.target.url,
      connectionTimeoutMillis: limits.handshakeTimeoutMs,
      options: `${idleInTransaction} ${startupOptions(parameters)}`.trim(),
    })
    // The pipe below watches the stream itself.
    client.on('error', () => {})
    const { connection } = client as unknown as OpenClient
    const status = new Map<string, string>()
    connection.on(
      'parameterStatus',
      ({ parameterName, parameterValue }: { parameterName: string; parameterValue: string }) =>
        status.set(parameterName, parameterValue),
    )
    await client.connect()
    const { processID, secretKey } = client as unknown as OpenClient
    // Sign-in, whatever method and TLS it took, is done: from here the bytes belong to the client.
    target = connection.stream
    target.removeAllListeners('data')
    if (state !== 'connecting') {
      target.destroy()
      return
    }
    // The session belongs to the user who signed in here, not to the gateway's own role.
    status.set('session_authorization', credentials.user)
    socket.send(encodeWelcome({ parameters: status, processID, secretKey }))
    pipe(target)
  }

  function pipe(stream: Duplex): void {
    state = 'open'
    metrics.tunnel('open')
    stream.on('data', (bytes: Buffer) => {
      idle.refresh()
      socket.send(bytes, () => {
        if (stream.isPaused() && socket.bufferedAmount < limits.tunnelBufferBytes) stream.resume()
      })
      if (socket.bufferedAmount >= limits.tunnelBufferBytes) stream.pause()
    })
    stream.on('drain', () => socket.resume())
    stream.on('close', close)
    clearTimeout(idle)
    idle = setTimeout(
      () => end({ code: '57P05', message: 'terminating connection due to idle-session timeout' }),
      limits.tunnelIdleMs,
    )
    stream.resume()
    socket.resume()
    if (reader.rest().length > 0) forward(reader.rest())
  }

  function forward(bytes: Buffer): void {
    idle.refresh()
    if (target?.write(bytes) === false) socket.pause()
  }

  socket.on('message', (data) => {
    try {
      receive(data as Buffer)
    } catch (error) {
      if (!(error instanceof ProtocolError)) throw error
      end({ code: '08P01', message: error.message })
    }
  })
  socket.on('error', (error) => logger.warn({ err: error }, 'WebSocket failed'))
  socket.on('close', close)
  return { end }
}

function readLogin(parameters: Map<string, string>): Login {
  const user = parameters.get('user') ?? ''
  return { user, database: parameters.get('database') ?? user, parameters }
}

async function sendCancelTo(url: string, key: { processID: number; secretKey: number }): Promise<void> {
  // pg reads the address out of the URL, with all its forms; the client is never connected.
  const { host, port } = new pg.Client({ connectionString: url })
  sendCancel({ host, port, ...key })
}
