/** Who owns which slot, learned from CLUSTER SLOTS, and a shared connection to each master. */
import { SLOTS } from '#core/redis-slots.ts'
import type { ClusterAddress } from '../../../redis/address.ts'
import { type ConnectionParts, connectServer, type ServerConnection } from '../connection.ts'
import { GatewayError } from '../errors.ts'
import { encodeCommands } from '../resp.ts'
import { RespSocket } from '../resp-socket.ts'

/** How often the map is read when nothing hints at a change. */
const REFRESH_MS = 5_000
/** And how often at most, however many commands are redirected. */
const AT_MOST_EVERY_MS = 100
const RETRY_MS = 250
/** A node that does not say who owns what within this long: another one is asked. */
const ANSWER_MS = 1_000

type SlotRange = [first: number, last: number, master: [host: string | null, port: number], ...replicas: unknown[]]

/** Addresses are `host:port`. */
export class ClusterNodes {
  readonly #parts: ConnectionParts
  readonly #address: ClusterAddress
  readonly #seeds: readonly string[]
  readonly #owners: (string | undefined)[] = new Array(SLOTS).fill(undefined)
  readonly #nodes = new Map<string, ServerConnection>()
  /** Masters with their lowest slots, in that order. */
  #masters: readonly { address: string; slot: number }[] = []
  #isStopped = false
  #isOpen = false
  #isWanted = false
  #isResting = false
  #endPause = (): void => {}
  readonly #done: Promise<void>

  constructor(parts: ConnectionParts, address: ClusterAddress) {
    this.#parts = parts
    this.#address = address
    this.#seeds = address.nodes.map(({ host, port }) => `${host}:${port}`)
    this.#done = this.#keepUpToDate()
  }

  /** Whether the map is known and some master can be reached. One that is away must not take the gateway with it. */
  get ready(): boolean {
    return this.#isOpen && this.#masters.some(({ address }) => this.#nodes.get(address)?.ready)
  }

  get answers(): boolean {
    return this.#isOpen && this.#masters.some(({ address }) => this.#nodes.get(address)?.answers)
  }

  get inFlight(): number {
    let sum = 0
    for (const node of this.#nodes.values()) sum += node.inFlight
    return sum
  }

  get masters(): readonly { address: string; slot: number }[] {
    return this.#masters
  }

  ownerOf(slot: number): string | undefined {
    return this.#owners[slot]
  }

  /** The connection to a node, opened if there is none yet. */
  at(address: string): ServerConnection {
    const standing = this.#nodes.get(address)
    if (standing !== undefined) return standing
    const opened = connectServer({ ...this.#parts, settings: { ...this.#parts.settings, url: this.#urlOf(address) } })
    this.#nodes.set(address, opened)
    return opened
  }

  /** A node said that a slot has another owner now; the rest of the map may be old, too. */
  moved(slot: number, address: string): void {
    this.#owners[slot] = address
    this.refreshSoon()
  }

  /** What a node's failure means for a client. The map is looked at again: a node that fails is replaced. */
  failure(error: unknown): GatewayError {
    if (!(error instanceof GatewayError)) throw error
    if (error.status !== 507) this.refreshSoon()
    return error
  }

  refreshSoon(): void {
    this.#isWanted = true
    if (this.#isResting) this.#endPause()
  }

  /** A connection that nobody shares. @throws when the node cannot be reached */
  open(address: string): Promise<RespSocket> {
    const { settings, limits, now } = this.#parts
    return RespSocket.open({ ...settings, url: this.#urlOf(address) }, limits.replyBytes, now)
  }

  async close(): Promise<void> {
    this.#isStopped = true
    this.#endPause()
    await this.#done
    await Promise.all([...this.#nodes.values()].map((node) => node.close()))
  }

  #urlOf(address: string): string {
    const { username, password, tls } = this.#address
    const user = encodeURIComponent(username ?? '')
    const credentials = password === null ? '' : `${user}:${encodeURIComponent(password)}@`
    const colon = address.lastIndexOf(':')
    const host = address.slice(0, colon)
    return `${tls ? 'rediss' : 'redis'}://${credentials}${host.includes(':') ? `[${host}]` : host}:${address.slice(colon + 1)}`
  }

  async #keepUpToDate(): Promise<void> {
    while (!this.#isStopped) {
      this.#isWanted = false
      const isKnown = await this.#refresh()
      await this.#pause(AT_MOST_EVERY_MS)
      const pauseMs = isKnown ? REFRESH_MS : RETRY_MS
      if (!this.#isWanted) await this.#pause(pauseMs * (0.5 + this.#parts.random() / 2), true)
    }
  }

  /** Asks the nodes one after the other, those first that are known to be up. */
  async #refresh(): Promise<boolean> {
    const known = [...this.#nodes.keys()].sort(
      (a, b) => Number(this.#nodes.get(b)?.ready) - Number(this.#nodes.get(a)?.ready),
    )
    for (const address of new Set([...known, ...this.#seeds])) {
      if (this.#isStopped) return false
      try {
        const ranges = await this.#ask(address)
        if (this.#isStopped || ranges.length === 0) continue
        this.#use(ranges, address.slice(0, address.lastIndexOf(':')))
        if (!this.#isOpen) await Promise.all(this.#masters.map((master) => this.at(master.address).tried))
        this.#isOpen = true
        return true
      } catch (error) {
        const reason = error instanceof Error ? error.message : String(error)
        this.#parts.logger.warn({ node: address, reason }, 'redis cluster: a node does not say who owns what')
      }
    }
    return false
  }

  async #ask(address: string): Promise<SlotRange[]> {
    const socket = await this.open(address)
    const timer = setTimeout(() => socket.destroy(), ANSWER_MS)
    try {
      const wire = encodeCommands([['CLUSTER', 'SLOTS']])
      const { body } = await socket.exchange({ wire, form: 'one', base64: false, replies: 1 })
      const { result, error } = JSON.parse(body.toString()) as { result?: SlotRange[]; error?: string }
      if (result === undefined) throw new Error(error)
      return result
    } finally {
      clearTimeout(timer)
      socket.destroy()
    }
  }

  /** @param asked the host that answered: a node that does not know its own name leaves it out */
  #use(ranges: readonly SlotRange[], asked: string): void {
    const lowest = new Map<string, number>()
    this.#owners.fill(undefined)
    for (const [first, last, [host, port]] of ranges) {
      const address = `${host || asked}:${port}`
      this.#owners.fill(address, first, last + 1)
      lowest.set(address, Math.min(first, lowest.get(address) ?? SLOTS))
    }
    this.#masters = [...lowest].map(([address, slot]) => ({ address, slot })).sort((a, b) => a.slot - b.slot)
    for (const { address } of this.#masters) this.at(address)
    for (const [address, node] of this.#nodes) {
      // One that a slot is just moving to owns none yet and is asked all the same.
      if (lowest.has(address) || node.inFlight > 0) continue
      this.#nodes.delete(address)
      node.close().catch((error: unknown) => this.#parts.logger.error({ err: error }, 'closing a connection failed'))
    }
  }

  /** @param isResting may be cut short by whoever wants a refresh; otherwise only by the end */
  async #pause(milliseconds: number, isResting = false): Promise<void> {
    if (this.#isStopped) return
    this.#isResting = isResting
    await new Promise<void>((resolve) => {
      const timer = setTimeout(resolve, milliseconds)
      this.#endPause = () => {
        clearTimeout(timer)
        resolve()
      }
    })
    this.#isResting = false
  }
}
