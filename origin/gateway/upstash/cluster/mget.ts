/**
 * MGET over a cluster: its keys lie in several slots, and a node answers for one. Each key becomes a GET, sent to where it is
 * with the others of that node, and the answers become one array again. On one server MGET is a snapshot; here each key is read
 * for itself.
 */
import { commandSlot } from '#core/redis-slots.ts'
import { GatewayError } from '../errors.ts'
import { nameOf } from '../policy.ts'
import type { Command } from '../resp.ts'
import type { Entry } from './entries.ts'

export interface Split {
  commands: readonly Command[]
  /** Puts the entries of `commands` together to those of the commands that were given. */
  join(entries: readonly Entry[]): readonly Entry[]
}

const isSpread = (command: Command): boolean => nameOf(command) === 'MGET' && commandSlot(command) === 'several'

/** Takes each MGET apart whose keys no single slot has; others are left as they are. */
export function splitSpreadReads(given: readonly Command[]): Split {
  if (!given.some(isSpread)) return { commands: given, join: (entries) => entries }
  const parts = given.map((command) =>
    isSpread(command) ? command.slice(1).map((key): Command => ['GET', key]) : null,
  )
  return {
    commands: given.flatMap((command, i) => parts[i] ?? [command]),
    join(entries) {
      let at = 0
      return given.map((_, i) => {
        const size = parts[i]?.length
        if (size === undefined) return entries[at++]!
        at += size
        return arrayOf(entries.slice(at - size, at))
      })
    },
  }
}

const RESULT = '{"result":'
/** MGET says of what is no string that there is nothing. */
const isWrongType = (entry: Buffer): boolean => entry.toString('latin1', 0, 20) === '{"error":"WRONGTYPE '
const isResult = (entry: Buffer): boolean => entry.toString('latin1', 0, RESULT.length) === RESULT

const NULL = Buffer.from('null')
const OPEN = Buffer.from(`${RESULT}[`)
const COMMA = Buffer.from(',')
const CLOSE = Buffer.from(']}')

/** One entry of GETs' entries; where one has no answer, all have none. The values stay bytes: a hundred posts are a long text. */
function arrayOf(entries: readonly Entry[]): Entry {
  const parts: Buffer[] = []
  for (const entry of entries) {
    if (entry instanceof GatewayError) return entry
    parts.push(parts.length === 0 ? OPEN : COMMA)
    if (isResult(entry)) parts.push(entry.subarray(RESULT.length, entry.length - 1))
    else if (isWrongType(entry)) parts.push(NULL)
    else return entry
  }
  return Buffer.concat([...parts, CLOSE])
}
