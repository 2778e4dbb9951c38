/** Software from Maven repositories, by Maven itself: the machine's settings (mirrors, proxies) hold. */
import { writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { runTool } from '../cluster/tools.ts'

export type Coordinates = readonly [group: string, artifact: string, version: string]

const PLUGIN_VERSION = '3.8.1'

const coordinates = ([group, artifact, version]: Coordinates) =>
  `<groupId>${group}</groupId><artifactId>${artifact}</artifactId><version>${version}</version>`

/** A project that only exists to name what it depends on. */
export function pomOf(parts: { dependencies?: readonly Coordinates[]; executions?: string }): string {
  const dependencies = (parts.dependencies ?? []).map((item) => `<dependency>${coordinates(item)}</dependency>`)
  return `<?xml version="1.0" encoding="UTF-8"?>
<project xmlns="http://maven.apache.org/POM/4.0.0">
  <modelVersion>4.0.0</modelVersion>
  <groupId>tideline</groupId><artifactId>native-server</artifactId><version>1</version><packaging>pom</packaging>
  <dependencies>${dependencies.join('')}</dependencies>
  <build><plugins><plugin>
    ${coordinates(['org.apache.maven.plugins', 'maven-dependency-plugin', PLUGIN_VERSION])}
    <executions>${parts.executions ?? ''}</executions>
  </plugin></plugins></build>
</project>
`
}

/** One unpacking or copying of artifacts into a folder, bound to the phase `package`. */
export function execution(goal: 'unpack' | 'copy', item: Coordinates, extra: string, into: string): string {
  return `<execution><id>${goal}</id><phase>package</phase><goals><goal>${goal}</goal></goals><configuration>
      <artifactItems><artifactItem>${coordinates(item)}${extra}</artifactItem></artifactItems>
      <outputDirectory>${into}</outputDirectory><markersDirectory>${into}/markers</markersDirectory>
    </configuration></execution>`
}

/** Two Mavens at once may spoil the local repository that they share. */
let last: Promise<unknown> = Promise.resolve()

/** Runs goals on a project in `folder`, one Maven at a time. */
export function runMaven(folder: string, pom: string, goals: readonly string[]): Promise<string> {
  const file = join(folder, 'pom.xml')
  writeFileSync(file, pom)
  const next = last.then(() => runTool('mvn', ['-B', '-q', '-Dstyle.color=never', '-f', file, ...goals]))
  last = next.catch(() => {})
  return next
}

/** Copies artifacts and all that they need at run time into a folder. */
export async function copyJars(jars: readonly Coordinates[], into: string): Promise<void> {
  await runMaven(into, pomOf({ dependencies: jars }), [
    'dependency:copy-dependencies',
    '-DincludeScope=runtime',
    `-DoutputDirectory=${join(into, 'jars')}`,
  ])
}
