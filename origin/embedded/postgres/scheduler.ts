import type { Engine } from './engine.ts'
import { type ErrorFields, encodeMessage, readMessages, readString, type TransactionStatus } from './protocol.ts'
import { applySettings, readSettings, resetSettings, type Settings } from './settings.ts'
import type { StatementTranslator, Unit } from './statements.ts'

/** What the scheduler has to know of a connection. */
export interface Tenant {
  readonly statements: StatementTranslator
  /** Units that wait for their turn, oldest first. */
  readonly units: Unit[]
  settings: Settings
  /** False while the client does not take what it has been sent: it gets no further turn until it does. */
  readonly accepts: boolean
  send(bytes: Buffer): void
  /** Ends the connection after a last error. */
  terminate(error: ErrorFields): void
}

export interface SchedulerOptions {
  readonly engine: Engine
  /** How long a connection may hold the engine inside a transaction without sending anything, in milliseconds. */
  readonly transactionIdleMs: number
  /** The backend is dead: every connection is lost. */
  readonly onDeath: (cause: unknown) => void
}

const SYNC = encodeMessage('S')
const TAGS_THAT_CHANGE_SETTINGS = /^(?:SET|RESET|DISCARD)\b/
const TAGS_THAT_FORGET_STATEMENTS = /^(?:DISCARD ALL|DEALLOCATE ALL)$/
/** Turns after which the event loop gets to serve its sockets. */
const TURNS_PER_TICK = 16

/**
 * Gives many connections turns on one backend.
 *
 * A turn is what a client sends up to a Sync or a simple query. Between turns the backend belongs to nobody, except
 * while a transaction or an unfinished pipeline is open: then it is leased to that connection until ReadyForQuery
 * reports idle, and rolled back when the client stalls. What a session keeps between its statements (settings, unnamed
 * statement, subscriptions) is put in place when the backend changes hands.
 */
export class Scheduler {
  readonly #engine: Engine
  readonly #transactionIdleMs: number
  readonly #onDeath: (cause: unknown) => void
  readonly #tenants = new Set<Tenant>()
  readonly #leaving = new Set<Tenant>()
  /** Connections that wait for a turn, in order. */
  readonly #ready = new Set<Tenant>()
  /** Who holds the lease. */
  #holder: Tenant | undefined
  #stalled: NodeJS.Timeout | undefined
  /** Whose settings and unnamed statement are in place. */
  #occupant: Tenant | undefined
  #settingsChanged = false
  #running: Promise<void> = Promise.resolve()
  #busy = false
  #closed = false

  constructor(options: SchedulerOptions) {
    this.#engine = options.engine
    this.#transactionIdleMs = options.transactionIdleMs
    this.#onDeath = options.onDeath
  }

  join(tenant: Tenant): void {
    this.#tenants.add(tenant)
  }

  /** The connection has units to run, or can take answers again. */
  submit(tenant: Tenant): void {
    if (this.#closed || this.#leaving.has(tenant) || !this.#tenants.has(tenant)) return
    if (tenant.units.length > 0 && tenant.accepts) this.#ready.add(tenant)
    this.#start()
  }

  /** The connection is gone: its transaction is rolled back and its traces removed as soon as the engine is free. */
  leave(tenant: Tenant): void {
    if (!this.#tenants.has(tenant)) return
    this.#leaving.add(tenant)
    this.#ready.add(tenant)
    this.#start()
  }

  /** Takes a unit that has not begun out of the queue. */
  cancel(tenant: Tenant): Unit | undefined {
    const [first] = tenant.units
    if (tenant === this.#holder || !this.#ready.has(tenant)) return undefined
    if (first === undefined || !'QS'.includes(first.end)) return undefined
    tenant.units.shift()
    if (tenant.units.length === 0) this.#ready.delete(tenant)
    return first
  }

  /** Lets the running turn end, rolls back what is open and gives no further turn. */
  async close(): Promise<void> {
    this.#closed = true
    this.#unwatch()
    await this.#running
    if (this.#holder !== undefined) await this.#rollback()
  }

  #start(): void {
    if (this.#closed || this.#busy) return
    this.#busy = true
    this.#running = this.#work().catch((cause: unknown) => {
      this.#closed = true
      this.#onDeath(cause)
    })
  }

  async #work(): Promise<void> {
    for (let turn = 1; !this.#closed; turn++) {
      const tenant = this.#next()
      if (tenant === undefined) break
      this.#unwatch()
      const unit = tenant.units.shift()
      if (unit === undefined) await this.#evict(tenant)
      else await this.#turn(tenant, unit)
      if (turn % TURNS_PER_TICK === 0) await new Promise(setImmediate)
    }
    this.#busy = false
    if (this.#holder !== undefined && !this.#closed) this.#watch(this.#holder)
  }

  #unwatch(): void {
    clearTimeout(this.#stalled)
    this.#stalled = undefined
  }

  #next(): Tenant | undefined {
    const { value: next } = this.#holder === undefined ? this.#ready.values().next() : { value: this.#holder }
    return next !== undefined && this.#ready.delete(next) ? next : undefined
  }

  async #turn(tenant: Tenant, unit: Unit): Promise<void> {
    if (this.#holder === undefined) await this.#prepare(tenant, unit)
    const answer = await this.#engine.run(Buffer.concat(unit.messages))
    const status = await this.#deliver(tenant, unit, answer)
    // PGlite swallows what it does not know, such as an exhausted stack: the engine is in no state to go on.
    if (status === 'pipeline' && unit.end !== 'H') throw new Error('the engine broke off in the middle of a statement')
    this.#holder = status === 'I' ? undefined : tenant
    if (this.#leaving.has(tenant) || (tenant.units.length > 0 && tenant.accepts)) this.#ready.add(tenant)
  }

  /** Makes the backend look as this connection left it. */
  async #prepare(tenant: Tenant, unit: Unit): Promise<void> {
    if (this.#occupant === tenant) return
    if (this.#settingsChanged) {
      if (this.#occupant !== undefined) this.#occupant.settings = await readSettings(this.#engine)
      await resetSettings(this.#engine)
    }
    if (tenant.settings.size > 0) await applySettings(this.#engine, tenant.settings)
    this.#settingsChanged = tenant.settings.size > 0
    this.#occupant = tenant
    const { unnamed } = tenant.statements
    if (unit.usesEarlierUnnamed && unnamed !== undefined) await this.#engine.run(Buffer.concat([unnamed, SYNC]))
  }

  /** Sends an answer to its connection, notifications to those who listen, and reads the status out of it. */
  async #deliver(tenant: Tenant, unit: Unit, answer: Buffer): Promise<TransactionStatus | 'pipeline'> {
    let status: TransactionStatus | 'pipeline' = 'pipeline'
    let forgotten = false
    const forwarded: Buffer[] = []
    let start = 0
    let at = 0
    if (unit.changesSettings) this.#settingsChanged = true
    for (const { type, bytes, body } of readMessages(answer)) {
      if (type === 'A') {
        forwarded.push(answer.subarray(start, at))
        start = at + bytes.length
        this.#notify(bytes, readString(body, 4))
      } else if (type === 'C') {
        const tag = readString(body, 0)
        if (TAGS_THAT_CHANGE_SETTINGS.test(tag)) this.#settingsChanged = true
        if (TAGS_THAT_FORGET_STATEMENTS.test(tag)) forgotten = true
        if (tag === 'DISCARD ALL') tenant.statements.channels.clear()
      } else if (type === 'Z') status = body.toString('latin1') as TransactionStatus
      at += bytes.length
    }
    if (start === 0) tenant.send(answer)
    else tenant.send(Buffer.concat([...forwarded, answer.subarray(start)]))
    if (forgotten) await this.#restoreStatements(tenant, status)
    if ((unit.unlistens || forgotten) && status === 'I') await this.#listenAgain()
    return status
  }

  #notify(message: Buffer, channel: string): void {
    for (const tenant of this.#tenants) {
      // The message is a window into a longer answer, which a slow client would keep alive.
      if (tenant.statements.channels.has(channel)) tenant.send(Buffer.from(message))
    }
  }

  /** DISCARD ALL and DEALLOCATE ALL take the statements of all connections: the others get theirs back. */
  async #restoreStatements(tenant: Tenant, status: TransactionStatus | 'pipeline'): Promise<void> {
    tenant.statements.forget()
    if (status === 'pipeline') return
    for (const other of this.#tenants) {
      const messages = other === tenant ? [] : other.statements.parseMessages()
      // One at a time, for a statement whose table is gone fails without taking the others with it.
      for (const message of messages) await this.#engine.run(Buffer.concat([message, SYNC]))
    }
  }

  /** UNLISTEN ends the subscriptions of all connections: those that stay are set up again. */
  async #listenAgain(): Promise<void> {
    const channels = new Set([...this.#tenants].flatMap((tenant) => [...tenant.statements.channels]))
    for (const channel of channels) await this.#engine.query(`LISTEN "${channel.replaceAll('"', '""')}"`)
  }

  /** Once a stall: others that ask for a turn meanwhile neither put the end off nor leave a second timer behind. */
  #watch(holder: Tenant): void {
    this.#stalled ??= setTimeout(() => {
      this.#stalled = undefined
      if (this.#holder !== holder || this.#busy) return
      holder.terminate({
        severity: 'FATAL',
        code: '25P03',
        message: 'terminating connection due to idle-in-transaction timeout',
      })
      this.leave(holder)
    }, this.#transactionIdleMs)
  }

  async #evict(tenant: Tenant): Promise<void> {
    if (this.#holder === tenant) await this.#rollback()
    tenant.units.length = 0
    this.#leaving.delete(tenant)
    this.#tenants.delete(tenant)
    if (this.#occupant === tenant) this.#occupant = undefined
    if (this.#tenants.size === 0) {
      // Nobody is left: temporary tables and held cursors, which all connections share, go too.
      await this.#engine.query('DISCARD ALL')
      this.#settingsChanged = false
      return
    }
    const close = tenant.statements.closeMessages()
    if (close.length > 0) await this.#engine.run(Buffer.concat([...close, SYNC]))
    if (tenant.statements.channels.size > 0) {
      await this.#engine.query('UNLISTEN *')
      await this.#listenAgain()
    }
  }

  async #rollback(): Promise<void> {
    this.#holder = undefined
    // The first Sync ends a pipeline that stopped half way; ROLLBACK outside a transaction is a warning.
    await this.#engine.run(SYNC)
    await this.#engine.query('ROLLBACK')
  }
}
