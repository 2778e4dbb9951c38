import type { CommandSpec } from '../command.ts'
import { bitfieldCommands } from './bitfield.ts'
import { bitCommands } from './bits.ts'
import { connectionCommands } from './connection.ts'
import { counterCommands } from './counters.ts'
import { expiryCommands } from './expiry.ts'
import { hashCommands } from './hashes.ts'
import { hyperloglogCommands } from './hyperloglog.ts'
import { keyCommands } from './keys.ts'
import { listCommands } from './lists.ts'
import { pubsubCommands } from './pubsub.ts'
import { scriptingCommands } from './scripting.ts'
import { serverCommands } from './server.ts'
import { setCommands } from './sets.ts'
import { streamCommands } from './streams.ts'
import { stringCommands } from './strings.ts'
import { transactionCommands } from './transactions.ts'
import { zsetAlgebraCommands } from './zset-algebra.ts'
import { zsetRangeCommands } from './zset-ranges.ts'
import { zsetCommands } from './zsets.ts'

/** Every command by its lower-case name. */
export const commandTable: ReadonlyMap<string, CommandSpec> = new Map(
  [
    stringCommands,
    counterCommands,
    bitCommands,
    bitfieldCommands,
    hyperloglogCommands,
    keyCommands,
    expiryCommands,
    hashCommands,
    setCommands,
    zsetCommands,
    zsetRangeCommands,
    zsetAlgebraCommands,
    listCommands,
    streamCommands,
    pubsubCommands,
    transactionCommands,
    scriptingCommands,
    connectionCommands,
    serverCommands,
  ]
    .flat()
    .map((spec) => [spec.name, spec]),
)
