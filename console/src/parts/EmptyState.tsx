// A place with nothing in it: why, and what to do about it.
import type { ReactNode } from "react";

export function EmptyState({ title, children, action }: { title: string; children?: ReactNode; action?: ReactNode }) {
	return (
		<div className="hw-empty">
			<svg width="72" height="56" viewBox="0 0 72 56" aria-hidden="true">
				<rect x="6" y="10" width="60" height="40" rx="6" className="hw-empty__back" />
				<path
					d="M16 36c6 0 6-5 12-5s6 5 12 5 6-5 16-5M16 26c6 0 6-5 12-5s6 5 12 5 6-5 16-5"
					className="hw-empty__line"
				/>
			</svg>
			<p className="hw-empty__title">{title}</p>
			{children && <div className="hw-empty__text">{children}</div>}
			{action}
		</div>
	);
}
