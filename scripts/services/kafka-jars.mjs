// Apache Kafka, fetched once per machine: its jars are published to Maven repositories, so that any mirror a company
// has configured for Maven serves them, and nothing has to be unpacked or installed.
import { existsSync, mkdirSync, readFileSync, renameSync, writeFileSync } from 'node:fs'
import { homedir } from 'node:os'
import path from 'node:path'
import process from 'node:process'
import { openGuard } from './guarded.mjs'
import { requireProgram } from './programs.mjs'

const VERSION = '4.1.1'
const LOG4J_VERSION = '2.24.3' // what this Kafka itself depends on

const cache = process.env.KAFKA_ERROR_RETRY_CACHE || path.join(homedir(), '.cache', 'kafka-error-retry')
const jarFolder = path.resolve(cache, `kafka-${VERSION}`)

export function kafkaJarsArePresent() {
  return existsSync(jarFolder)
}

/** The folder with all jars of the broker and of its command-line tools; downloads them at the first call. */
export async function kafkaJars({ say = () => {} } = {}) {
  if (kafkaJarsArePresent()) return jarFolder
  say(`downloading Apache Kafka ${VERSION} (55 MB, once) to ${jarFolder}`)
  mkdirSync(path.dirname(jarFolder), { recursive: true })
  // Under a guard, an interrupted download leaves neither a running Maven nor half a folder.
  const guard = await openGuard({ temporaryPrefix: `${jarFolder}-download-` })
  try {
    await download(guard)
    publish(path.join(guard.folder, 'jars'))
  } finally {
    await guard.close()
  }
  return jarFolder
}

async function download(guard) {
  writeFileSync(path.join(guard.folder, 'pom.xml'), pom())
  const log = path.join(guard.folder, 'maven.log')
  const goal = ['dependency:copy-dependencies', '-DincludeScope=runtime', '-DoutputDirectory=jars']
  const maven = await guard.run(requireProgram('mvn'), ['--batch-mode', '--quiet', ...goal], {
    cwd: guard.folder,
    log,
  })
  const { code } = await maven.waitForEnd()
  if (code !== 0) throw new Error(`Maven could not fetch Apache Kafka ${VERSION}:\n${readFileSync(log, 'utf8')}`)
}

/** A rename is all or nothing: the final name never stands for half a download. */
function publish(jars) {
  try {
    renameSync(jars, jarFolder)
  } catch (error) {
    if (!kafkaJarsArePresent()) throw error // otherwise another process was faster, with the same content
  }
}

function pom() {
  const dependencies = [
    ['org.apache.kafka', 'kafka_2.13', VERSION],
    ['org.apache.kafka', 'kafka-tools', VERSION],
    ['org.apache.logging.log4j', 'log4j-slf4j-impl', LOG4J_VERSION], // without it Kafka logs nothing, errors included
  ].map(
    ([group, artifact, version]) =>
      `<dependency><groupId>${group}</groupId><artifactId>${artifact}</artifactId><version>${version}</version></dependency>`,
  )
  return `<project>
  <modelVersion>4.0.0</modelVersion>
  <groupId>kafka-error-retry</groupId><artifactId>kafka-jars</artifactId><version>1</version><packaging>pom</packaging>
  <dependencies>${dependencies.join('')}</dependencies>
</project>
`
}
