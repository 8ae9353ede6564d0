// Pages side by side, each with an address of its own.
import { useEffect, useRef } from "react";
import { NavLink, useLocation } from "react-router";

export function Tabs({ label, items }: { label: string; items: readonly { to: string; text: string }[] }) {
	const nav = useRef<HTMLElement>(null);
	const { pathname } = useLocation();
	// biome-ignore lint/correctness/useExhaustiveDependencies: another page is another tab, which may be beyond the edge
	useEffect(() => {
		nav.current?.querySelector(".active")?.scrollIntoView({ block: "nearest", inline: "center" });
	}, [pathname]);
	return (
		<nav className="hw-tabs" aria-label={label} ref={nav}>
			<ul>
				{items.map((item) => (
					<li key={item.to}>
						<NavLink to={item.to} replace>
							{item.text}
						</NavLink>
					</li>
				))}
			</ul>
		</nav>
	);
}
