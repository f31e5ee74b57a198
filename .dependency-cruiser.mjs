/** The seven import rules of the architecture (see docs/architecture.md). */
const rule = (name, comment, from, to) => ({ name, comment, severity: 'error', from, to })

/** Packages that are a door to a service, and the one file of product code that may open each. */
const DOORS = {
  '@neondatabase/serverless': '^edge/neon\\.ts$',
  '@upstash/redis': '^edge/upstash\\.ts$',
  aws4fetch: '^edge/stores/s3\\.ts$',
  pg: '^(workers-node/postgres\\.ts|drizzle/migrate\\.ts)$',
  ioredis: '^workers-node/redis\\.ts$',
}

export default {
  forbidden: [
    rule(
      'edge-not-workers',
      '1. The gateway and the workers meet in the database, not in code.',
      { path: '^edge/' },
      { path: '^workers-node/' },
    ),
    rule('workers-not-edge', '1. As above.', { path: '^workers-node/' }, { path: '^edge/' }),
    rule(
      'drizzle-without-drivers',
      '2. The shared room imports zod and drizzle-orm only; its migrate script may open a driver.',
      { path: '^drizzle/', pathNot: '^drizzle/(migrate|drizzle\\.config)\\.ts$' },
      { dependencyTypesNot: ['local'], pathNot: '(^|node_modules/)(zod|drizzle-orm)(/|$)' },
    ),
    rule(
      'edge-without-node',
      '3. Only the Node entry, what it alone imports, and the build of the page touch node: modules.',
      {
        path: '^edge/',
        pathNot: '^edge/(node\\.ts$|graceful-end\\.ts$|stores/folder\\.ts$|page/build\\.ts$)',
      },
      { dependencyTypes: ['core'] },
    ),
    rule(
      'folder-for-node-alone',
      '3. As above.',
      { path: '^edge/', pathNot: '^edge/node\\.ts$' },
      { path: '^edge/(stores/folder|graceful-end)\\.ts$' },
    ),
    ...Object.entries(DOORS).map(([name, door]) =>
      rule(
        `one-door-${name.replace(/\W/g, '-')}`,
        '4. One file opens each client.',
        { path: '^(edge|workers-node|drizzle)/', pathNot: door },
        { path: `(^|node_modules/)${name}(/|$)` },
      ),
    ),
    rule(
      'providers-stand-alone',
      '5. A provider imports the provider interface, the OpenAI-compatible engine and its parts only.',
      { path: '^workers-node/providers/', pathNot: 'provider-of\\.ts$' },
      {
        path: '^(workers-node|drizzle|edge)/',
        pathNot: '^workers-node/providers/(provider\\.ts|openai-compatible\\.ts|engine/)',
      },
    ),
    rule(
      'product-without-tools',
      '6. Product code never imports tests, local services or benchmarks.',
      { path: '^(edge|workers-node|drizzle)/' },
      { path: '^(test|dev|bench)/' },
    ),
    rule('no-cycles', '7. No cycles.', {}, { circular: true }),
    rule('resolvable', 'Every import leads somewhere.', {}, { couldNotResolve: true }),
  ],
  options: {
    doNotFollow: { path: 'node_modules' },
    exclude: { path: 'edge/page/dist' },
    parser: 'swc',
    enhancedResolveOptions: {
      exportsFields: ['exports'],
      conditionNames: ['import', 'node', 'default'],
    },
  },
}
