import type { Duplex } from 'node:stream'
import pg from 'pg'
import type { WebSocket } from 'ws'
import { type CredentialCheck, wrongPassword } from './credentials.ts'
import type { Databases } from './databases.ts'
import type { GatewayMetrics } from './metrics.ts'
import type { Credentials, GatewayLogger, NeonGatewayLimits } from './settings.ts'
import { ASK_CLEARTEXT_PASSWORD, encodeFatal, encodeWelcome, OpeningReader, ProtocolError } from './startup.ts'
import { cancelAt, openTarget } from './target.ts'

export interface TunnelOptions {
  databases: Databases
  credentials: Credentials
  isAccepted: CredentialCheck
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

/**
 * Serves one WebSocket: the gateway asks for the password itself, signs in at the target with its own credentials, and
 * from then on hands bytes through in both directions, untouched.
 *
 * The client may send its startup message, password and first query in one flight (`pipelineConnect: "password"`) or wait
 * for each answer; both come out the same.
 */
export function serveTunnel(socket: WebSocket, options: TunnelOptions): Tunnel {
  const tunnel = new WebSocketTunnel(socket, options)
  socket.on('message', (data) => tunnel.receive(data as Buffer))
  socket.on('error', (error) => options.logger.warn({ err: error }, 'WebSocket failed'))
  socket.on('close', () => tunnel.close())
  return tunnel
}

class WebSocketTunnel implements Tunnel {
  readonly #socket: WebSocket
  readonly #options: TunnelOptions
  readonly #reader = new OpeningReader()
  #state: 'opening' | 'connecting' | 'open' | 'closed' = 'opening'
  #login: Login | undefined
  #target: Duplex | undefined
  #idle: NodeJS.Timeout

  constructor(socket: WebSocket, options: TunnelOptions) {
    this.#socket = socket
    this.#options = options
    this.#idle = setTimeout(
      () => this.end({ code: '08006', message: 'the startup message did not arrive in time' }),
      options.limits.handshakeTimeoutMs,
    )
  }

  receive(bytes: Buffer): void {
    if (this.#state === 'open') this.#forward(bytes)
    else if (this.#state !== 'closed') this.#reader.push(bytes)
    if (this.#state !== 'opening') return
    try {
      this.#signIn()
    } catch (error) {
      if (!(error instanceof ProtocolError)) throw error
      this.end({ code: '08P01', message: error.message })
    }
  }

  end(reason: { code: string; message: string }): void {
    if (this.#state === 'closed') return
    if (this.#state !== 'open') this.#options.metrics.tunnel(reason.code)
    if (this.#socket.readyState === this.#socket.OPEN) this.#socket.send(encodeFatal(reason))
    this.close()
  }

  close(): void {
    this.#state = 'closed'
    clearTimeout(this.#idle)
    // A paused socket would never see the answer to its farewell.
    this.#socket.resume()
    this.#socket.close()
    this.#target?.destroy()
  }

  /** Goes as far as the bytes that have come allow. */
  #signIn(): void {
    while (this.#login === undefined) {
      const opening = this.#reader.opening()
      if (opening === undefined) return
      if (opening.kind === 'cancel') {
        // A cancel does not say whose connection it means; its key does, to the one that gave it out.
        for (const { url } of this.#options.databases.targets) cancelAt(url, opening)
        this.close()
        return
      }
      if (opening.kind === 'tls') this.#socket.send('N')
      else {
        this.#login = readLogin(opening.parameters)
        this.#socket.send(ASK_CLEARTEXT_PASSWORD)
      }
    }
    const password = this.#reader.password()
    if (password !== undefined) this.#admit(this.#login, password)
  }

  #admit(login: Login, password: string): void {
    const { user, database } = login
    if (!this.#options.isAccepted({ user, password, database })) {
      this.end(wrongPassword(user))
      return
    }
    this.#state = 'connecting'
    // Until the target is there, nothing more is read than what is on its way.
    this.#socket.pause()
    this.#connect(login).catch((error: unknown) => {
      this.#options.logger.warn({ err: error }, 'no connection to Postgres for a WebSocket')
      const known =
        error instanceof pg.DatabaseError ? { code: error.code ?? '08006', message: error.message } : undefined
      this.end(known ?? { code: '08006', message: 'no connection to the database' })
    })
  }

  async #connect({ database, parameters }: Login): Promise<void> {
    const { databases, credentials, limits } = this.#options
    const opened = await openTarget(databases.targetOf(database).url, parameters, limits)
    if (this.#state !== 'connecting') {
      opened.stream.destroy()
      return
    }
    this.#target = opened.stream
    // The session belongs to the user who signed in here, not to the gateway's own role.
    opened.session.parameters.set('session_authorization', credentials.user)
    this.#socket.send(encodeWelcome(opened.session))
    this.#pipe(opened.stream)
  }

  #pipe(stream: Duplex): void {
    const { limits, metrics } = this.#options
    const socket = this.#socket
    this.#state = 'open'
    metrics.tunnel('open')
    stream.on('data', (bytes: Buffer) => {
      this.#idle.refresh()
      socket.send(bytes, () => {
        if (stream.isPaused() && socket.bufferedAmount < limits.tunnelBufferBytes) stream.resume()
      })
      if (socket.bufferedAmount >= limits.tunnelBufferBytes) stream.pause()
    })
    stream.on('drain', () => socket.resume())
    stream.on('close', () => this.close())
    clearTimeout(this.#idle)
    this.#idle = setTimeout(
      () => this.end({ code: '57P05', message: 'terminating connection due to idle-session timeout' }),
      limits.tunnelIdleMs,
    )
    stream.resume()
    socket.resume()
    const ahead = this.#reader.rest()
    if (ahead.length > 0) this.#forward(ahead)
  }

  #forward(bytes: Buffer): void {
    this.#idle.refresh()
    if (this.#target?.write(bytes) === false) this.#socket.pause()
  }
}

function readLogin(parameters: Map<string, string>): Login {
  const user = parameters.get('user') ?? ''
  return { user, database: parameters.get('database') ?? user, parameters }
}
