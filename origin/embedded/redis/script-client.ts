import type { Client } from './command.ts'

/** The client a script's commands run as: the caller's database, no transaction, no subscriptions. */
export function scriptClient(caller: Client): Client {
  return {
    id: caller.id,
    connectedAt: caller.connectedAt,
    address: caller.address,
    name: caller.name,
    library: {},
    db: caller.db,
    transaction: undefined,
    transactionFailed: false,
    watched: [],
    watchBroken: false,
    channels: new Set(),
    patterns: new Set(),
    monitoring: false,
    scripted: true,
    push: () => undefined,
    quit: () => undefined,
  }
}
