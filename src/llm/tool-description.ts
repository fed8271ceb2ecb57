import type { FleetTool } from '../manager/fleet.js';

/** A tool's own description, or what else says what it is for. */
export function descriptionOf({ description, title, annotations }: FleetTool): string | undefined {
  return [description, title, annotations?.title].find((text) => text !== undefined && text.trim() !== '');
}
