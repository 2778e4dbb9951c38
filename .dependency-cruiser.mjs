/** Imports go one way (ARCHITECTURE.md): workers, origin, jobs, web → core and drizzle; never back, never sideways. */
const tier = '^origin/(accounts|ads|engagement|fanout|graph|ingest|media|notify|outbox|recommend|search)/'

export default {
  forbidden: [
    {
      name: 'core-stands-alone',
      comment: 'core is shared by Workers and Node: it imports itself and zod, nothing else.',
      severity: 'error',
      from: { path: '^core/', pathNot: '\\.test\\.ts$' },
      to: { pathNot: ['^core/', '(^|/)node_modules/zod/'] },
    },
    {
      name: 'drizzle-knows-core-only',
      comment: 'Schema and queries serve every driver: of ours they know core only.',
      severity: 'error',
      from: { path: '^drizzle/', pathNot: '\\.test\\.ts$' },
      to: { path: '^(origin|workers|web|jobs|bench|ops|test)/' },
    },
    {
      name: 'workers-know-core-and-drizzle',
      comment: 'The edge runs without the origin, and one Worker without another.',
      severity: 'error',
      from: { path: '^workers/([^/]+)/', pathNot: '(\\.test\\.ts|/testing\\.ts)$' },
      to: { path: '^(origin|web|jobs|bench|ops|test|workers)/', pathNot: '^workers/$1/' },
    },
    {
      name: 'tiers-meet-in-the-root',
      comment: "Tiers meet in events and in ports handed over in origin/tiers.ts, never in one another's inside.",
      severity: 'error',
      from: { path: tier, pathNot: '\\.test\\.ts$' },
      to: { path: tier, pathNot: '^origin/$1/' },
    },
    {
      name: 'origin-stays-home',
      comment: 'The origin is what others start; it starts none of them.',
      severity: 'error',
      from: { path: '^origin/', pathNot: '(\\.test\\.ts|/testing\\.ts)$' },
      to: { path: '^(workers|web|jobs|bench|ops|test)/' },
    },
    {
      name: 'web-knows-types-and-shared-rules',
      comment:
        'The page speaks HTTP: it may import types, which are gone when it runs, and the two rules that it shares with the API.',
      severity: 'error',
      from: { path: '^web/', pathNot: '(build|\\.test)\\.ts$' },
      to: {
        path: '^(core|drizzle|origin|workers|jobs|bench|ops|test)/',
        pathNot: '^core/(sign-up|views)\\.ts$',
        dependencyTypesNot: ['type-only'],
      },
    },
    {
      name: 'no-cycles',
      comment: 'A cycle has no bottom to read from.',
      severity: 'error',
      from: {},
      to: { circular: true },
    },
    {
      name: 'resolvable',
      comment: "Every import leads somewhere. A peer's packages are there only once somebody has asked for the peer.",
      severity: 'error',
      from: { pathNot: '^bench/peers/[^/]+/serve\\.ts$' },
      to: { couldNotResolve: true, pathNot: '^(cloudflare:|node:|virtual:)|\\.wasm$' },
    },
  ],
  options: {
    doNotFollow: { path: 'node_modules' },
    exclude: { path: '(worker-configuration\\.d\\.ts|/dist/|node_modules/\\.vite)' },
    parser: 'swc',
    enhancedResolveOptions: {
      extensions: ['.ts', '.js', '.mjs', '.json', '.wasm'],
      exportsFields: ['exports'],
      conditionNames: ['workerd', 'node', 'import', 'default', 'types'],
    },
  },
}
