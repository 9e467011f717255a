import { featureModuleAt, type MaillonNode } from '../../node/index.ts';
import { CodedError, errorMessage } from '../../protocols/common/errors.ts';
import type { LoadedFeature, ThirdParty } from '../admin/features.ts';
import type { GatewayFeature } from '../http/core/feature.ts';
import type { Gateway } from '../interface.ts';

interface Faces {
  readonly path: string;
  readonly node: string;
  readonly gateway: GatewayFeature | null;
}

/** Both faces of the module at an absolute path. Throws `bad_feature`. */
function facesAt(path: string): Faces {
  const { feature, gatewayFeature } = featureModuleAt(path);
  const { name } = (feature ?? {}) as { readonly name?: unknown };
  if (gatewayFeature === undefined) return { path, node: String(name), gateway: null };
  const face = gatewayFeature as Partial<GatewayFeature>;
  if (face.name !== name || typeof face.load !== 'function') {
    const reason =
      'gatewayFeature must have the name of feature, and a function "load" that imports its routes';
    throw new CodedError('bad_feature', `${path} is no feature: ${reason}`, { path, reason });
  }
  return { path, node: String(name), gateway: face as GatewayFeature };
}

/** The gateway's faces of the features at these absolute paths. Throws `bad_feature`. */
export function gatewayFeaturesAt(paths: readonly string[]): readonly GatewayFeature[] {
  return paths.flatMap((path) => facesAt(path).gateway ?? []);
}

/** Loads features of third parties into a node that runs and its gateway, and unloads them. */
export class ThirdPartyFeatures implements ThirdParty {
  readonly #node: MaillonNode;
  readonly #gateway: Gateway | null;
  #loaded: readonly Faces[];

  /** `paths`: those that node and gateway have from the start. */
  constructor(
    { node, gateway }: { readonly node: MaillonNode; readonly gateway: Gateway | null },
    { paths }: { readonly paths: readonly string[] },
  ) {
    this.#node = node;
    this.#gateway = gateway;
    this.#loaded = paths.map(facesAt);
  }

  list(): readonly LoadedFeature[] {
    return this.#loaded
      .filter(({ node }) => this.#node.hasFeature(node))
      .map(({ node, path, gateway }) => ({ name: node, path, hasRoutes: gateway !== null }));
  }

  async load(path: string, settings: Readonly<Record<string, unknown>>): Promise<void> {
    const faces = facesAt(path);
    await this.#node.loadFeature(path, settings);
    const former = this.#loaded.filter(({ node }) => node !== faces.node);
    this.#loaded = [...former, faces];
    if (faces.gateway === null) return;
    try {
      await this.#serve();
    } catch (error) {
      this.#loaded = former;
      await this.#node.unloadFeature(faces.node);
      const reason = `its routes do not load: ${errorMessage(error)}`;
      throw new CodedError('bad_feature', `${path}: ${reason}`, { path, reason }, { cause: error });
    }
  }

  async unload(name: string): Promise<void> {
    const faces = this.#loaded.find(({ node }) => node === name);
    // first, so that no route asks a service that has ended
    this.#loaded = this.#loaded.filter((one) => one !== faces);
    const hadRoutes = faces !== undefined && faces.gateway !== null;
    if (hadRoutes) await this.#serve();
    try {
      await this.#node.unloadFeature(name);
    } catch (error) {
      if (faces !== undefined) this.#loaded = [...this.#loaded, faces];
      if (hadRoutes) await this.#serve();
      throw error;
    }
  }

  async #serve(): Promise<void> {
    await this.#gateway?.setFeatures(this.#loaded.flatMap(({ gateway }) => gateway ?? []));
  }
}
