import pg from 'pg'
import { type Admission, createAdmission, NoRoomError } from '../../admission.ts'
import { sparingly } from '../../observe/sparingly.ts'
import { type CancelTarget, sendCancel } from './cancel.ts'
import { GatewayError } from './errors.ts'
import { Flight, type StatementResult } from './flight.ts'
import type { SqlRequest } from './request.ts'
import type { GatewayLogger, NeonGatewayLimits, TargetSettings } from './settings.ts'

/** The target Postgres, for requests that each are one transaction. */
export interface Database {
  /**
   * Runs a request as one transaction.
   * @param urgency 0 first, 7 last
   * @param signal aborts when the client is gone; what still waits does not begin, what runs is cancelled
   * @throws {DatabaseError} what Postgres says, after rolling back
   * @throws {GatewayError} 503 when there is no connection in time, 504 when the request took too long, 507 when its
   *   answer is too large, 502 when the connection broke and the outcome is unknown
   */
  run(request: SqlRequest, urgency: number, signal: AbortSignal): Promise<StatementResult[]>
  /** @throws when Postgres does not answer */
  ping(): Promise<void>
  readonly connections: number
  readonly queued: number
  close(): Promise<void>
}

/**
 * Statements that can leave something on the connection for whoever comes next. Ones that are taken for such by mistake
 * cost a round trip after the answer.
 */
const LEAVES_TRACES =
  /^\s*(?:set(?!\s+(?:local|constraints)\b)|reset|listen|prepare|declare|load|do|call)\b|\bset_config\s*\(|\bpg_(?:try_)?advisory_lock|\btemp(?:orary)?\b/i
/** Postgres is there but takes no connection now: too many, starting up, shutting down. */
const NOT_NOW = new Set(['53300', '57P01', '57P02', '57P03'])
const TERMINATED = 'connection to the database was lost: whether the request took effect is not known'

export function connectDatabase(target: TargetSettings, limits: NeonGatewayLimits, logger: GatewayLogger): Database {
  return new PooledDatabase(target, limits, logger)
}

class PooledDatabase implements Database {
  readonly #pool: pg.Pool
  /** A connection of its own for health, which is asked for when there is much to do, too: a full queue is no outage. */
  readonly #probe: pg.Pool
  readonly #limits: NeonGatewayLimits
  readonly #logger: GatewayLogger
  readonly #admission: Admission
  readonly #unreachable: (error: Error) => void

  constructor(target: TargetSettings, limits: NeonGatewayLimits, logger: GatewayLogger) {
    this.#limits = limits
    this.#logger = logger
    this.#unreachable = sparingly(Date.now, (error, times) =>
      logger.warn({ err: error, times }, 'no connection to Postgres'),
    )
    this.#admission = createAdmission({
      atOnce: limits.poolConnections,
      waiting: limits.queuedRequests,
      waitMs: limits.queueTimeoutMs,
    })
    const connection = {
      connectionString: target.url,
      connectionTimeoutMillis: limits.connectTimeoutMs,
      statement_timeout: limits.statementTimeoutMs,
      application_name: 'neon-gateway',
      keepAlive: true,
    }
    this.#pool = new pg.Pool({ ...connection, max: limits.poolConnections })
    this.#probe = new pg.Pool({ ...connection, max: 1, query_timeout: limits.connectTimeoutMs })
    this.#probe.on('error', () => {})
    // Without a listener, an idle connection that breaks would end the process. The pool replaces it by itself.
    this.#pool.on(
      'error',
      sparingly(Date.now, (error, times) => logger.warn({ err: error, times }, 'idle connection to Postgres lost')),
    )
    // The same for one that breaks while it is lent out: there the running flight is told as well.
    this.#pool.on('connect', (client) => void client.on('error', () => {}))
  }

  get connections(): number {
    return this.#pool.totalCount
  }

  get queued(): number {
    return this.#admission.waiting
  }

  async run(request: SqlRequest, urgency: number, signal: AbortSignal): Promise<StatementResult[]> {
    const { requestTimeoutMs, resultBytes } = this.#limits
    const lease = await this.#acquire(urgency, signal)
    const { client } = lease
    if (signal.aborted) {
      lease.end()
      throw abandoned()
    }
    const tooLong = () => lease.interrupt(new GatewayError(504, 'the request took too long', { code: '57014' }))
    const deadline = setTimeout(tooLong, requestTimeoutMs)
    const onAbort = () => lease.interrupt(abandoned())
    signal.addEventListener('abort', onAbort)
    try {
      return await Promise.race([lease.interrupted, transact(client, request, resultBytes)])
    } catch (error) {
      lease.failed(error, request.begin !== undefined)
      throw translate(error)
    } finally {
      clearTimeout(deadline)
      signal.removeEventListener('abort', onAbort)
      if (request.statements.some(({ text }) => LEAVES_TRACES.test(text))) lease.hasTraces = true
      lease.end()
    }
  }

  async ping(): Promise<void> {
    await this.#probe.query('SELECT 1')
  }

  close(): Promise<void> {
    return Promise.all([this.#pool.end(), this.#probe.end()]).then(() => {})
  }

  async #acquire(urgency: number, signal: AbortSignal): Promise<Lease> {
    const leave = await this.#admission.enter(urgency, signal).catch((error: unknown) => {
      if (signal.aborted) throw abandoned()
      throw error instanceof NoRoomError ? crowded() : error
    })
    try {
      return new Lease(await this.#pool.connect(), leave)
    } catch (error) {
      leave()
      if (error instanceof pg.DatabaseError && !NOT_NOW.has(error.code ?? '')) {
        this.#logger.error({ err: error }, 'Postgres refuses the gateway')
        throw new GatewayError(502, 'the database refuses the gateway', { code: '08004' })
      }
      this.#unreachable(error instanceof Error ? error : new Error(String(error)))
      throw busy('no connection to the database')
    }
  }
}

/**
 * A request in one flight: a write at the edge costs one round trip. A batch goes out between BEGIN and COMMIT; when one
 * of its statements fails, Postgres skips the rest, COMMIT included, and the transaction is rolled back.
 */
async function transact(client: pg.PoolClient, request: SqlRequest, resultBytes: number): Promise<StatementResult[]> {
  const { begin, statements } = request
  if (begin === undefined) return client.query(new Flight(statements, resultBytes)).done
  const bare = (text: string) => ({ text, values: [] })
  const flight = new Flight([bare(begin), ...statements, bare('COMMIT')], resultBytes)
  try {
    const results = await client.query(flight).done
    if (results.at(-1)?.command !== 'COMMIT') throw new GatewayError(400, 'transaction rolled back', { code: '40000' })
    return results.slice(1, -1)
  } catch (error) {
    if (error instanceof GatewayError && error.status === 507) {
      // COMMIT was on its way before the answer turned out too large. Saying so is better than letting it look undone.
      throw new GatewayError(507, `${error.message}; the transaction has been committed`)
    }
    throw error
  }
}

/** A connection on loan. It goes back clean, or not at all. */
class Lease {
  /** Settings, locks or temporary tables may have been left behind. */
  hasTraces = false
  /** Never resolves; rejects when the request is given up. */
  readonly interrupted: Promise<never>
  readonly client: pg.PoolClient
  readonly #returned: () => void
  #interrupt: (error: Error) => void = () => {}
  #broken = false
  #openTransaction = false

  /** @param returned is told when the connection is free for somebody else */
  constructor(client: pg.PoolClient, returned: () => void) {
    this.client = client
    this.#returned = returned
    this.interrupted = new Promise((_, reject) => {
      this.#interrupt = reject
    })
    this.interrupted.catch(() => {})
  }

  /** Gives up what is running: tells Postgres to stop, and closes the connection. */
  interrupt(error: Error): void {
    this.#broken = true
    sendCancel(this.client as unknown as CancelTarget)
    this.#interrupt(error)
  }

  /** Judges what an error means for the connection: to be rolled back, or in no known state. */
  failed(error: unknown, inTransaction: boolean): void {
    this.#openTransaction = inTransaction
    if (error instanceof pg.DatabaseError) this.#broken ||= error.severity === 'FATAL' || error.severity === 'PANIC'
    else this.#broken ||= !(error instanceof GatewayError) || error.code === '0A000'
  }

  end(): void {
    if (this.#broken) this.#release(false)
    else if (!this.#openTransaction && !this.hasTraces && this.client.getTransactionStatus() === 'I')
      this.#release(true)
    else void this.#clean().then((clean) => this.#release(clean))
  }

  #release(isClean: boolean): void {
    this.client.release(!isClean)
    this.#returned()
  }

  async #clean(): Promise<boolean> {
    try {
      // Also ends a transaction that a single query began. The status known here may be that before the failure.
      await this.client.query('ROLLBACK')
      if (this.hasTraces) await this.client.query('DISCARD ALL')
      return this.client.getTransactionStatus() === 'I'
    } catch {
      return false
    }
  }
}

function translate(error: unknown): unknown {
  if (error instanceof pg.DatabaseError || error instanceof GatewayError) return error
  return new GatewayError(502, TERMINATED, { code: '08007' })
}

/** Unlike a database that is away: whoever waits a little is served. SQLSTATE: configuration_limit_exceeded. */
function crowded(): GatewayError {
  const message = 'too many requests are waiting for the database'
  return new GatewayError(503, message, { code: '53400', retryAfterSeconds: 1 })
}

function busy(message: string): GatewayError {
  return new GatewayError(503, message, { code: '53300', retryAfterSeconds: 1 })
}

function abandoned(): GatewayError {
  return new GatewayError(499, 'the client closed the request', { code: '57014' })
}
