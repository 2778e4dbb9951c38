/**
 * The gateway's Redis when it is a cluster. A request goes to the nodes that own its keys' slots, one exchange a node, and its
 * answers come back in the order asked. What goes to one node, as a reader's keys do, is passed through as on one server.
 */
import type { ClusterAddress } from '../../../redis/address.ts'
import type { Answer } from '../answer.ts'
import type { RedisBackend, RedisRequest } from '../backend.ts'
import type { ConnectionParts } from '../connection.ts'
import { badRequest, redisAway } from '../errors.ts'
import { nameOf } from '../policy.ts'
import type { Command } from '../resp.ts'
import { type Entry, errorEntry, joined } from './entries.ts'
import { concernsAll, entryOfAll } from './everywhere.ts'
import { splitSpreadReads } from './mget.ts'
import { ClusterNodes } from './nodes.ts'
import { CROSSSLOT, entriesFor, runAt, soleOwner, transact } from './route.ts'

export function clusterBackend(parts: ConnectionParts, address: ClusterAddress): RedisBackend {
  const nodes = new ClusterNodes(parts, address)
  const { random, limits } = parts

  /** Where a command concerns all nodes, the commands before it come first and those after it last, as on one server. */
  async function entries(commands: readonly Command[], base64: boolean): Promise<Entry[]> {
    const at = commands.findIndex(concernsAll)
    if (at < 0) return entriesFor(nodes, commands, base64)
    const before = at === 0 ? [] : await entriesFor(nodes, commands.slice(0, at), base64)
    const here = await entryOfAll(nodes, commands[at]!, { base64, random })
    const after = at + 1 === commands.length ? [] : await entries(commands.slice(at + 1), base64)
    return [...before, here, ...after]
  }

  async function answersOf(request: RedisRequest): Promise<Answer | Entry[]> {
    const { commands, base64, refused } = request
    const owner = refused === undefined ? soleOwner(nodes, commands) : null
    if (owner !== null) return runAt(nodes, request, owner)
    const split = splitSpreadReads(commands)
    return withRefused(split.join(await entries(split.commands, base64)), refused)
  }

  return {
    get ready() {
      return nodes.ready
    },
    get answers() {
      return nodes.answers
    },
    get inFlight() {
      return nodes.inFlight
    },
    async run(request) {
      if (nodes.masters.length === 0) throw redisAway()
      if (request.form === 'transaction') {
        refuseEverywhere(request.commands)
        return transact(nodes, request)
      }
      const answers = await answersOf(request)
      return Array.isArray(answers) ? joined(request.form, answers, limits.replyBytes) : answers
    },
    async dedicated(commands) {
      refuseMonitor(commands)
      // Channels are no keys: a message that is published on any node reaches all.
      const owner = soleOwner(nodes, commands)
      if (owner === null) throw badRequest(CROSSSLOT)
      return nodes.open(owner).catch(() => {
        throw redisAway()
      })
    },
    close: () => nodes.close(),
  }
}

/** A transaction is one node's. */
function refuseEverywhere(commands: readonly Command[]): void {
  const everywhere = commands.find(concernsAll)
  if (everywhere !== undefined)
    throw badRequest(`ERR '${nameOf(everywhere)}' concerns all nodes of a cluster: not in a transaction`)
}

function refuseMonitor(commands: readonly Command[]): void {
  if (commands.some((command) => nameOf(command) === 'MONITOR'))
    throw badRequest("ERR Command is not available: 'MONITOR'. A cluster has no node that sees every command")
}

/** Puts the errors of commands that were not sent into their places. */
function withRefused(entries: readonly Entry[], refused: RedisRequest['refused']): Entry[] {
  if (refused === undefined) return [...entries]
  const rest = entries.values()
  return Array.from({ length: entries.length + refused.size }, (_, place) => {
    const text = refused.get(place)
    return text === undefined ? rest.next().value! : errorEntry(text)
  })
}
