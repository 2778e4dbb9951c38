import { mkdirSync } from 'node:fs'
import { availableParallelism } from 'node:os'
import { cloudflareTest } from '@cloudflare/vitest-plugin'
import { defineConfig } from 'vitest/config'
import { IMAGE_WORKER } from './test/setup/image-worker.ts'

/**
 * Generous: a busy machine is no failure. Groups run one after the other, so that two cores hold few engines at once.
 */
const patient = { testTimeout: 60_000, hookTimeout: 120_000 }
const after = (groupOrder: number) => ({ ...patient, sequence: { groupOrder } })

/** Loading the same modules for each file, and a workerd to go with it, would take longer than most of the tests. */
const together = { isolate: false }
/** Stores that tests take away on purpose are no news. */
const verbose = false

/**
 * Much of the time goes in waiting: two cores, of which vitest would leave one to itself, carry two files at once. On servers
 * that the files share, one after the other: a Redis Cluster has one keyspace, and one registry of celebrities in it.
 */
const maxWorkers = process.env.E2E_ENGINES ? 1 : Math.max(2, availableParallelism() - 1)

/** One project per Worker, each inside workerd with the Worker's own wrangler configuration. */
const worker = (name: string, configPath: string, miniflare = {}, options = {}) => ({
  plugins: [cloudflareTest({ wrangler: { configPath }, miniflare, verbose })],
  test: { name, include: [`workers/${name}/**/*.test.ts`], ...after(1), ...together, ...options },
})

const node = (name: string, include: string[], options = {}) => ({
  test: { name, include, environment: 'node' as const, ...patient, ...options },
})

/** The api Worker stands on a whole origin with embedded engines, which runs beside vitest in Node. */
mkdirSync('web/dist', { recursive: true })
const api = {
  plugins: [
    cloudflareTest(({ inject }) => ({
      wrangler: { configPath: './wrangler.toml' },
      verbose,
      miniflare: {
        bindings: inject<Record<string, string>>('backing'),
        workers: [{ name: 'tideline-image-resize', modules: true, script: IMAGE_WORKER }],
      },
    })),
  ],
  test: {
    name: 'api',
    include: ['workers/api/**/*.test.ts'],
    globalSetup: './test/setup/backing.ts',
    ...after(1),
    ...together,
  },
}

export default defineConfig({
  test: {
    maxWorkers,
    projects: [
      node('node', ['{core,drizzle,origin,bench,ops,web}/**/*.test.ts'], together),
      node('contract', ['test/{contract,interleavings}/**/*.test.ts'], together),
      api,
      worker('image-resize', './workers/image-resize/wrangler.toml', {
        r2Buckets: ['ORIGINALS'],
        bindings: { IMAGE_SIGNING_KEYS: 'test:a-signing-secret-for-tests-of-32-characters', ORIGIN_URL: '' },
      }),
      worker(
        'fanout-consumer',
        './workers/fanout-consumer/wrangler.toml',
        {},
        // The origin's real ingest, in Node: what the Worker talks to in its tests.
        { globalSetup: './test/setup/ingest-origin.ts' },
      ),
      node('e2e', ['test/e2e/**/*.test.ts', 'test/fault/*.test.ts'], after(3)),
      // Alone: what it measures is what the machine can do.
      node('overload', ['test/fault/overload/**/*.test.ts'], after(6)),
      node('fault', ['test/fault/cluster/**/*.test.ts'], { ...after(5), fileParallelism: false }),
      node('browser', ['test/browser/**/*.test.ts'], after(4)),
    ],
  },
})
