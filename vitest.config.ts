import { cloudflareTest } from '@cloudflare/vitest-plugin'
import { defineConfig } from 'vitest/config'

/** One project per Worker, each inside workerd with the Worker's own wrangler configuration. */
const worker = (name: string, configPath: string, miniflare = {}) => ({
  plugins: [cloudflareTest({ wrangler: { configPath }, miniflare })],
  test: { name, include: [`workers/${name}/**/*.test.ts`] },
})

const node = (name: string, include: string[], options = {}) => ({
  test: { name, include, environment: 'node' as const, ...options },
})

export default defineConfig({
  test: {
    projects: [
      node('node', [
        'core/**/*.test.ts',
        'drizzle/**/*.test.ts',
        'origin/**/*.test.ts',
        'bench/**/*.test.ts',
        'ops/**/*.test.ts',
      ]),
      node('contract', ['test/contract/**/*.test.ts'], { testTimeout: 30_000, hookTimeout: 60_000 }),
      worker('api', './wrangler.toml'),
      worker('image-resize', './workers/image-resize/wrangler.toml', {
        r2Buckets: ['ORIGINALS'],
        bindings: { IMAGE_SIGNING_KEYS: 'test:a-signing-secret-for-tests-of-32-characters' },
      }),
      worker('fanout-consumer', './workers/fanout-consumer/wrangler.toml'),
      node('e2e', ['test/e2e/**/*.test.ts'], { testTimeout: 60_000, hookTimeout: 120_000, fileParallelism: false }),
    ],
  },
})
