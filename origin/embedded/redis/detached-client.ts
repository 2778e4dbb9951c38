import type { Client } from './command.ts'

/** A client without a connection: in database 0, no transaction, no subscriptions; what is pushed to it goes nowhere. */
export function detachedClient(identity: Pick<Client, 'id' | 'connectedAt' | 'address' | 'name'>): Client {
  return {
    ...identity,
    library: {},
    db: 0,
    transaction: undefined,
    transactionFailed: false,
    watched: [],
    watchBroken: false,
    channels: new Set(),
    patterns: new Set(),
    monitoring: false,
    scripted: false,
    push: () => undefined,
    quit: () => undefined,
  }
}

/** The client a script's commands run as: the caller, in its database. */
export function scriptClient({ id, connectedAt, address, name, db }: Client): Client {
  return { ...detachedClient({ id, connectedAt, address, name }), db, scripted: true }
}
