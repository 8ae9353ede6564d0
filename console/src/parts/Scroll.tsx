// What may be wider than the page: it scrolls by itself, also by keyboard.
import type { ReactNode } from "react";

export function Scroll({ label, children }: { label: string; children: ReactNode }) {
	return (
		// biome-ignore lint/a11y/noNoninteractiveTabindex lint/a11y/useSemanticElements: else the keyboard could not scroll it; it is no group of fields
		<div className="hw-scroll" role="group" aria-label={label} tabIndex={0}>
			{children}
		</div>
	);
}
