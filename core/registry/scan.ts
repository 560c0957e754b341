/** Scans of images, by Trivy or Grype when one of them is installed where the API runs. Nothing is invented without. */
import { execFile } from 'node:child_process';
import { createWriteStream } from 'node:fs';
import { access, constants, mkdir, mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { delimiter, join } from 'node:path';
import { pipeline } from 'node:stream/promises';
import type { FindingSeverity, ImageScanFinding } from '@aws-sdk/client-ecr';
import type { Millis } from '../task.ts';
import type { BlobStore } from './blob-store.ts';
import type { Digest } from './digest.ts';
import type { Image } from './repository.ts';

export interface ImageScan {
  readonly status: 'IN_PROGRESS' | 'COMPLETE' | 'FAILED' | 'UNSUPPORTED_IMAGE';
  readonly description?: string;
  readonly startedAt: Millis;
  readonly completedAt?: Millis;
  readonly findings?: readonly ImageScanFinding[];
}

export const noScanner =
  "Images are scanned by Trivy or Grype, and neither is installed on the API's host: put `trivy` or `grype` on its PATH.";

/** Milliseconds that a scan may take. */
const patience = 10 * 60 * 1000;
/** Bytes of a scanner's report. */
const longestReport = 256 * 2 ** 20;

interface Scanner {
  readonly path: string;
  readonly name: 'trivy' | 'grype';
}

/** @param path as the PATH variable has it */
export async function findScanner(path: string = process.env.PATH ?? ''): Promise<Scanner | undefined> {
  for (const name of ['trivy', 'grype'] as const)
    for (const folder of path.split(delimiter).filter(Boolean)) {
      const file = join(folder, name);
      const found = await access(file, constants.X_OK).then(
        () => true,
        () => false,
      );
      if (found) return { path: file, name };
    }
  return undefined;
}

/** @throws Error with a sentence when the scanner fails */
export async function scanImage(
  scanner: Scanner,
  blobs: Pick<BlobStore, 'read'>,
  image: Image,
): Promise<readonly ImageScanFinding[]> {
  const folder = await mkdtemp(join(tmpdir(), 'longshore-scan-'));
  try {
    await writeLayout(folder, blobs, image);
    const args =
      scanner.name === 'trivy'
        ? ['image', '--quiet', '--format', 'json', '--scanners', 'vuln', '--input', folder]
        : ['--quiet', '--output', 'json', `oci-dir:${folder}`];
    const report: unknown = JSON.parse(await run(scanner.path, args));
    return scanner.name === 'trivy' ? trivyFindings(report as TrivyReport) : grypeFindings(report as GrypeReport);
  } finally {
    await rm(folder, { recursive: true, force: true });
  }
}

/** https://github.com/opencontainers/image-spec/blob/v1.1.0/image-layout.md */
async function writeLayout(folder: string, blobs: Pick<BlobStore, 'read'>, image: Image): Promise<void> {
  await mkdir(join(folder, 'blobs', 'sha256'), { recursive: true });
  const copy = async (digest: Digest) => {
    const stream = await blobs.read(digest);
    if (!stream) throw new Error(`The blob ${digest} is not there.`);
    await pipeline(stream, createWriteStream(join(folder, 'blobs', 'sha256', digest.slice('sha256:'.length))));
  };
  for (const digest of new Set([image.digest, ...image.blobs.map((blob) => blob.digest)])) await copy(digest);
  const manifests = [{ mediaType: image.mediaType, digest: image.digest, size: image.manifestSize }];
  await writeFile(join(folder, 'oci-layout'), JSON.stringify({ imageLayoutVersion: '1.0.0' }));
  await writeFile(join(folder, 'index.json'), JSON.stringify({ schemaVersion: 2, manifests }));
}

function run(path: string, args: readonly string[]): Promise<string> {
  return new Promise((resolve, reject) => {
    execFile(path, args, { timeout: patience, maxBuffer: longestReport }, (error, stdout, stderr) => {
      if (error) reject(new Error(`The scanner failed: ${stderr.trim().slice(-500) || error.message}`));
      else resolve(stdout);
    });
  });
}

interface TrivyReport {
  readonly Results?: readonly {
    readonly Vulnerabilities?: readonly {
      readonly VulnerabilityID?: string;
      readonly PkgName?: string;
      readonly InstalledVersion?: string;
      readonly FixedVersion?: string;
      readonly Severity?: string;
      readonly Description?: string;
      readonly PrimaryURL?: string;
    }[];
  }[];
}

function trivyFindings({ Results = [] }: TrivyReport): readonly ImageScanFinding[] {
  return Results.flatMap(({ Vulnerabilities = [] }) => Vulnerabilities).map((one) =>
    finding({
      id: one.VulnerabilityID,
      severity: one.Severity,
      description: one.Description,
      uri: one.PrimaryURL,
      name: one.PkgName,
      version: one.InstalledVersion,
      fixed: one.FixedVersion,
    }),
  );
}

interface GrypeReport {
  readonly matches?: readonly {
    readonly vulnerability?: {
      readonly id?: string;
      readonly severity?: string;
      readonly description?: string;
      readonly dataSource?: string;
      readonly fix?: { readonly versions?: readonly string[] };
    };
    readonly artifact?: { readonly name?: string; readonly version?: string };
  }[];
}

function grypeFindings({ matches = [] }: GrypeReport): readonly ImageScanFinding[] {
  return matches.map(({ vulnerability = {}, artifact = {} }) =>
    finding({
      id: vulnerability.id,
      severity: vulnerability.severity,
      description: vulnerability.description,
      uri: vulnerability.dataSource,
      name: artifact.name,
      version: artifact.version,
      fixed: vulnerability.fix?.versions?.[0],
    }),
  );
}

function finding(
  facts: Readonly<Partial<Record<'id' | 'severity' | 'description' | 'uri' | 'name' | 'version' | 'fixed', string>>>,
): ImageScanFinding {
  const attributes = [
    { key: 'package_name', value: facts.name },
    { key: 'package_version', value: facts.version },
    { key: 'fixed_in_version', value: facts.fixed },
  ].filter(({ value }) => value !== undefined && value !== '');
  return {
    name: facts.id ?? '',
    ...(facts.description && { description: facts.description }),
    ...(facts.uri && { uri: facts.uri }),
    severity: severityOf(facts.severity),
    attributes,
  };
}

function severityOf(text = ''): FindingSeverity {
  const known: readonly FindingSeverity[] = ['CRITICAL', 'HIGH', 'MEDIUM', 'LOW'];
  const upper = text.toUpperCase();
  return known.find((one) => one === upper) ?? (upper === 'NEGLIGIBLE' ? 'INFORMATIONAL' : 'UNDEFINED');
}
