import { connectDatabase, type Database } from './database.ts'
import type { GatewayLogger, NeonGatewayLimits, NeonGatewayOptions, TargetSettings } from './settings.ts'

/** The databases behind the gateway, by the names that clients give in their connection strings. */
export interface Databases {
  has(name: string): boolean
  /** @throws TypeError when there is none of this name: ask `has` first */
  of(name: string): Database
  targetOf(name: string): TargetSettings
  readonly targets: readonly TargetSettings[]
  /** Over all of them. */
  readonly connections: number
  readonly queued: number
  /** @throws when one of them does not answer that is no replica */
  ping(): Promise<void>
  close(): Promise<void>
}

export function connectDatabases(
  { target, credentials, furtherTargets = {}, replicas = {} }: NeonGatewayOptions,
  limits: NeonGatewayLimits,
  logger: GatewayLogger,
): Databases {
  const settings = Object.entries({ ...furtherTargets, [credentials.database]: target, ...replicas })
  const opened = new Map(
    settings.map(([name, one]) => [name, { target: one, database: connectDatabase(one, limits, logger) }]),
  )
  const all = [...opened.values()].map(({ database }) => database)
  const find = (name: string) => {
    const found = opened.get(name)
    if (found === undefined) throw new TypeError('there is no database of this name')
    return found
  }
  return {
    has: (name) => opened.has(name),
    of: (name) => find(name).database,
    targetOf: (name) => find(name).target,
    targets: [...opened.values()].map(({ target: one }) => one),
    get connections() {
      return all.reduce((sum, { connections }) => sum + connections, 0)
    },
    get queued() {
      return all.reduce((sum, { queued }) => sum + queued, 0)
    },
    async ping() {
      const needed = [...opened].filter(([name]) => !Object.hasOwn(replicas, name))
      await Promise.all(needed.map(([, { database }]) => database.ping()))
    },
    async close() {
      await Promise.all(all.map((database) => database.close()))
    },
  }
}
