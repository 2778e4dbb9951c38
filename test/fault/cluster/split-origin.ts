/** The origin as one process a role, each of which can be killed and started again, behind one address. */
import { type RoleAddresses, type RoleRouter, startRoleRouter } from '../../../ops/role-router.ts'
import { ROLES, type Role } from '../../../origin/config.ts'
import { freePorts } from '../../../origin/embedded/free-port.ts'
import { type OriginProcess, startOriginProcess } from '../origin-process.ts'
import { startAll, together, type Victim } from './victim.ts'

export interface SplitOrigin {
  /** Where the edge finds all roles but the gateway. */
  readonly port: number
  readonly gatewayPort: number
  /** One process. */
  role(role: Role): Victim
  /** Every role but the gateway, at once. */
  readonly roles: Victim
  stop(): Promise<void>
}

/**
 * @param shared settings of all processes
 * @param niceness of every role but the gateway: no feed waits for those, and where all of them start again among two dozen
 *   servers on two cores, they take the cores that the edge has for itself elsewhere
 */
export async function startSplitOrigin(shared: Record<string, string>, niceness: number): Promise<SplitOrigin> {
  const [port = 0, gatewayPort = 0, ...ports] = await freePorts(2 + ROLES.length)
  const portOf = (role: Role) => ports[ROLES.indexOf(role)] ?? 0
  const processes = ROLES.map((role) => {
    const own = { PORT: String(portOf(role)), GATEWAY_PORT: String(gatewayPort), ROLES: role }
    const start = () => startOriginProcess({ ...NO_ENGINES, ...shared, ...own }, role === 'gateway' ? 0 : niceness)
    return [role, revivable(role, start)] as const
  })
  const all = new Map(processes)
  const addresses: RoleAddresses = Object.fromEntries(ROLES.map((role) => [role, `http://127.0.0.1:${portOf(role)}`]))
  let router: RoleRouter | null = null
  const stop = async () => {
    await router?.close()
    await Promise.all(processes.map(([, each]) => each.stop()))
  }
  try {
    // The first makes schema, topics and bucket; the others find them.
    const [[, first], ...others] = processes as [(typeof processes)[number], ...typeof processes]
    await first.restart()
    await startAll(others.map(([, each]) => each))
    router = await startRoleRouter(addresses, port)
  } catch (error) {
    await stop()
    throw error
  }
  return {
    port,
    gatewayPort,
    role: (role) => all.get(role) as Victim,
    roles: together(
      'all roles',
      processes.filter(([role]) => role !== 'gateway').map(([, each]) => each),
    ),
    stop,
  }
}

/** Nothing is embedded: its ports are not used. */
export const NO_ENGINES = { POSTGRES_PORT: '0', REDIS_PORT: '0', S3_PORT: '0' }

function revivable(name: string, start: () => Promise<OriginProcess>): Victim & { stop(): Promise<void> } {
  let running: Promise<OriginProcess> | null = null
  return {
    name,
    async kill() {
      const killed = await running
      running = null
      await killed?.kill()
    },
    async restart() {
      running = start()
      await running
    },
    /** Also one that is on its way up. */
    async stop() {
      await (await running?.catch(() => null))?.stop()
    },
  }
}
