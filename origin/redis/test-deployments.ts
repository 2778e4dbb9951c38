/** All that a suite about commands runs on: single servers, and a cluster where the machine can start one. */
import { findRedisServer } from '../embedded/redis-server.ts'
import { startRedisCluster } from './test-cluster.ts'
import { redisEngines } from './test-engines.ts'

export interface RedisDeployment {
  name: string
  /** Whether it has BLPOP and its kind, which the embedded engine leaves out. */
  blocks: boolean
  isCluster: boolean
  /** Starts an empty one. */
  start(): Promise<{ url: string; close(): Promise<void> }>
}

/** A cluster takes two or three seconds to start. Where the machine cannot, that is a test that is skipped. */
export function redisDeployments(): RedisDeployment[] {
  const single = redisEngines().map(
    (engine): RedisDeployment => ({ ...engine, isCluster: false, start: () => engine.start() }),
  )
  const command = findRedisServer(process.env.PATH ?? '')
  // redisEngines() has said that there is no server.
  if (command === null) return single
  return [
    ...single,
    { name: 'a redis cluster', blocks: true, isCluster: true, start: () => startRedisCluster(command) },
  ]
}
