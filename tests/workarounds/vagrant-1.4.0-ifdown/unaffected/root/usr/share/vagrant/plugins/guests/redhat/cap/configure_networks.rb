    commands << "/sbin/ifdown '#{network[:device]}'"
